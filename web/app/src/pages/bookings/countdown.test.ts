import { expect, test } from 'vitest';
import { clock, daysUntil, spoken } from './countdown';

test.each([[0, '0:00'], [-5, '0:00'], [1, '0:01'], [59_001, '1:00'], [247_000, '4:07'], [3_723_000, '1:02:03']])('%i ms are shown as %s', (ms, shown) => {
  expect(clock(ms)).toBe(shown);
});

test('is heard once a minute, in the last one at 60, 30 and 10 seconds', () => {
  const heard = Array.from({ length: 180 }, (_, second) => spoken((180 - second) * 1000)).map((said) => said && `${said.count} ${said.unit}`);
  expect([...new Set(heard)]).toEqual(['3 minute', '2 minute', '60 second', '30 second', '10 second']);
  expect(spoken(0)).toBeNull();
  expect([16, 30, 239].map((minutes) => spoken(minutes * 60_000)?.count)).toEqual([30, 30, 240]);
});

test('days are those of the calendar, not of 24 hours', () => {
  const late = new Date(2026, 10, 21, 23, 30).getTime();
  expect(daysUntil(new Date(2026, 10, 21, 23, 50).toISOString(), late)).toBe(0);
  expect(daysUntil(new Date(2026, 10, 22, 0, 10).toISOString(), late)).toBe(1);
  expect(daysUntil(new Date(2026, 10, 23, 1, 0).toISOString(), late)).toBe(2);
});
