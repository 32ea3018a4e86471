import { expect, test } from 'vitest';
import { refundSteps } from './policy';

const start = '2026-12-05T12:00:00Z';
const tier = (hours_before: number, refund_percent: number) => ({ hours_before, refund_percent });
const told = (tiers: ReturnType<typeof tier>[]) => refundSteps(tiers, start).map(({ until, percent }) => `${until.toISOString().slice(0, 13)} ${percent}`);

test('the earliest comes first', () => {
  expect(told([tier(24, 50), tier(48, 100)])).toEqual(['2026-12-03T12 100', '2026-12-04T12 50']);
});

test('what gives nothing is not told', () => {
  expect(told([tier(48, 100), tier(24, 0)])).toEqual(['2026-12-03T12 100']);
  expect(told([tier(0, 0)])).toEqual([]);
  expect(told([])).toEqual([]);
});

test('what a later one gives as well is not told', () => {
  expect(told([tier(48, 50), tier(24, 50), tier(0, 10)])).toEqual(['2026-12-04T12 50', '2026-12-05T12 10']);
});
