import { expect, test } from 'vitest';
import type { Schemas } from '../../api/client';
import { changedFields, complaintsByField, emptyValues, merged, policyProblem, type PolicyTier, toChange, toNewEvent, valuesOf } from './event_values';

const event = {
  id: 1, title: 'Yoga', description: null, event_type: 'session', start_datetime: '2026-10-25T01:30:00Z', end_datetime: '2026-10-25T03:00:00Z',
  time_zone: 'Europe/Berlin', location: 'Studio A', virtual_link: null, max_participants: null, price: 18, currency: 'EUR', language: 'de', is_active: true,
  cancellation_policy: [{ hours_before: 48, refund_percent: 100 }, { hours_before: 6, refund_percent: 50 }], reminder_minutes: [60, 1440],
} as unknown as Schemas['Event'];

test('what was not touched is not sent, not even a time that comes twice', () => {
  const base = valuesOf(event);
  expect(base).toMatchObject({ start: '2026-10-25T02:30', end: '2026-10-25T04:00', unlimited: true, reminders: [1440, 60] });
  expect(base.policy).toEqual([{ amount: '2', unit: 'days', percent: '100' }, { amount: '6', unit: 'hours', percent: '50' }]);
  expect(toChange(base, base)).toEqual({});
});

test('what differs is sent, an amount with its currency', () => {
  const base = valuesOf(event);
  expect(toChange({ ...base, currency: 'JPY' }, base)).toEqual({ price: 18, currency: 'JPY' });
  expect(toChange({ ...base, location: ' ', end: '' }, base)).toEqual({ location: null, end_datetime: null });
  expect(toChange({ ...base, unlimited: false, places: '20' }, base)).toEqual({ max_participants: 20 });
  expect(toChange({ ...base, policy: [] }, base)).toEqual({ cancellation_policy: [] });
});

test('what is free needs no policy', () => {
  const policy: PolicyTier[] = [{ amount: '', unit: 'days', percent: '50' }];
  expect(toNewEvent({ ...emptyValues, title: 'A', start: '2026-12-05T17:30', price: '0', policy }).cancellation_policy).toBeNull();
});

test('another zone moves the event', () => {
  const base = { ...emptyValues, title: 'A', start: '2026-12-05T17:30', time_zone: 'UTC' };
  expect(toChange({ ...base, time_zone: 'Asia/Kolkata' }, base)).toEqual({ time_zone: 'Asia/Kolkata', start_datetime: '2026-12-05T12:00:00.000Z' });
});

test('a new event says everything', () => {
  const body = toNewEvent({ ...emptyValues, title: ' A ', start: '2026-12-05T17:30', time_zone: 'Asia/Kolkata', price: '', policy: null });
  expect(body).toMatchObject({ title: 'A', start_datetime: '2026-12-05T12:00:00.000Z', end_datetime: null, max_participants: 12, price: 0 });
  expect(body).toMatchObject({ cancellation_policy: null, language: null });
});

test('over the newest stands what was typed, and nothing else of the old', () => {
  const base = valuesOf(event);
  const typed = { ...base, title: 'Mine', reminders: [60] };
  const newest = { ...base, title: 'Theirs', price: '20' };
  expect(changedFields(newest, base)).toEqual(['title', 'price']);
  expect(merged(typed, base, newest)).toEqual({ ...base, title: 'Mine', reminders: [60], price: '20' });
});

test.each<[string | null, [string, PolicyTier['unit'], string][]]>([
  [null, []],
  [null, [['1', 'days', '100'], ['6', 'hours', '50']]],
  ['twice', [['1', 'days', '100'], ['24', 'hours', '50']]],
  ['order', [['1', 'days', '50'], ['6', 'hours', '100']]],
  ['whole', [['1.5', 'days', '50']]],
  ['percent', [['1', 'days', '101']]],
  ['percent', [['1', 'days', '']]],
])('a policy: %s', (problem, tiers) => {
  expect(policyProblem(tiers.map(([amount, unit, percent]) => ({ amount, unit, percent })))).toBe(problem);
});

test('complaints find their fields', () => {
  expect(complaintsByField({ start_datetime: 'x', title: 'y' })).toEqual({ start: 'x', title: 'y' });
});
