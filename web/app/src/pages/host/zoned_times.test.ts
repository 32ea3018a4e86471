import { expect, test } from 'vitest';
import { between, instantsOf, later, nextWeek, toInstant, toLocal } from './zoned_times';

const iso = (dates: Date[]) => dates.map((date) => date.toISOString());

test.each([
  ['2026-12-05T17:30', 'Asia/Kolkata', '2026-12-05T12:00:00.000Z'],
  ['2026-03-29T01:59', 'Europe/Berlin', '2026-03-29T00:59:00.000Z'],
  ['2026-03-29T03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
  ['2026-11-01T00:30', 'America/New_York', '2026-11-01T04:30:00.000Z'],
  ['2026-01-01T00:00', 'Pacific/Kiritimati', '2025-12-31T10:00:00.000Z'],
  ['2026-06-01T09:00', 'UTC', '2026-06-01T09:00:00.000Z'],
])('%s in %s is %s, and back', (local, zone, instant) => {
  expect(iso(instantsOf(local, zone))).toEqual([instant]);
  expect(toLocal(instant, zone)).toBe(local);
});

test('where clocks are set back a time comes twice, and the first is meant', () => {
  expect(iso(instantsOf('2026-10-25T02:30', 'Europe/Berlin'))).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z']);
  expect(toInstant('2026-10-25T02:30', 'Europe/Berlin')?.toISOString()).toBe('2026-10-25T00:30:00.000Z');
  expect(iso(instantsOf('2026-04-05T01:45', 'Australia/Lord_Howe'))).toHaveLength(2); // by half an hour
});

const never = [['2026-03-29T02:30', 'Europe/Berlin'], ['2026-03-08T02:00', 'America/New_York'], ['', 'UTC'], ['2026-13-01T00:00', 'UTC']] as const;
test.each(never)('%s in %s is never', (local, zone) => {
  expect(toInstant(local, zone)).toBeNull();
});

test('what is moved keeps its time on the wall, also over a change of clocks', () => {
  const week = 7 * 86_400_000;
  expect(later('2026-03-25T18:30', week)).toBe('2026-04-01T18:30');
  expect(later('', week)).toBe('');
  expect(between('2026-12-05T17:30', '2026-12-06T09:00')).toBe(15.5 * 3_600_000);
  expect(between('2026-12-05T17:30', '')).toBeNull();
});

test('a copy lies ahead', () => {
  const now = Date.parse('2026-11-22T00:00Z');
  const moved = (local: string) => later(local, nextWeek(local, 'Europe/Berlin', now));
  expect(moved('2026-11-27T18:30')).toBe('2026-12-04T18:30');
  expect(moved('2026-11-20T18:30')).toBe('2026-11-27T18:30');
  expect(moved('2026-10-02T18:30')).toBe('2026-11-27T18:30');
});
