import { expect, test } from 'vitest';
import { dayOf, eventsOfMonth } from './month_events';

const event = (id: number, start_datetime: string, time_zone = 'UTC') => ({ id, start_datetime, time_zone });

test('a day is that of where it takes place', () => {
  expect(dayOf(event(1, '2026-12-31T20:00:00Z', 'Asia/Kolkata'))).toBe('2027-01-01');
  expect(dayOf(event(1, '2026-12-01T03:00:00Z', 'America/New_York'))).toBe('2026-11-30');
});

test('all pages of a month, without its neighbours', async () => {
  const pages = [
    { events: [event(1, '2026-11-30T23:00:00Z'), event(2, '2026-11-30T20:00:00Z', 'Asia/Kolkata')], next: 'two' },
    { events: [event(3, '2026-12-01T09:00:00Z'), event(4, '2027-01-01T01:00:00Z', 'America/New_York')], next: null },
  ];
  const asked: unknown[] = [];
  const { days, more } = await eventsOfMonth('2026-12', (span, after) => {
    asked.push({ ...span, after });
    return Promise.resolve(pages[asked.length - 1]!);
  });
  expect([...days].map(([day, events]) => [day, events.map(({ id }) => id)])).toEqual([['2026-12-01', [2, 3]], ['2026-12-31', [4]]]);
  expect(more).toBe(false);
  const span = { from: '2026-11-30T10:00:00.000Z', to: '2027-01-01T14:00:00.000Z' };
  expect(asked).toEqual([{ ...span, after: null }, { ...span, after: 'two' }]);
});

test('no end of pages is no end of asking', async () => {
  let asked = 0;
  const { more } = await eventsOfMonth('2026-12', () => Promise.resolve({ events: [], next: String(++asked) }));
  expect(more).toBe(true);
  expect(asked).toBe(10);
});
