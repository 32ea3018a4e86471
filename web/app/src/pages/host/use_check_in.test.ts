import { expect, test } from 'vitest';
import { type BookingsPage, withArrival } from './use_check_in';

const page = (checked_in: number, ...bookings: [id: number, at: string | null][]) =>
  ({ event: { checked_in }, bookings: bookings.map(([id, checked_in_at]) => ({ id, checked_in_at })), next: null }) as unknown as BookingsPage;

test('who arrives is marked, and counted once', () => {
  const data = { pages: [page(1, [1, '2026-11-22T10:00:00Z'], [2, null]), page(1, [3, null])], pageParams: [undefined, 'x'] };
  const arrived = withArrival(data, 3, '2026-11-22T11:00:00Z');
  expect(arrived?.pages).toEqual([page(2, [1, '2026-11-22T10:00:00Z'], [2, null]), page(2, [3, '2026-11-22T11:00:00Z'])]);
  expect(withArrival(arrived, 3, '2026-11-22T11:30:00Z')?.pages[0]?.event.checked_in).toBe(2);
  expect(withArrival(arrived, 3, null)).toEqual(data);
  expect(withArrival(data, 9, null)).toBe(data);
});
