import { describe, expect, test } from 'vitest';
import { type InboxPage, type Notification, waitBeforeAttempt, withNotification } from './live';

const notification = (seq: number): Notification => ({ seq, type: 'booking.created', time: '2026-11-22T10:00:00Z', read: false, read_at: null, data: {} });
const page = (...seqs: number[]): InboxPage => ({ notifications: seqs.map(notification), unread_count: seqs.length, acknowledged: 0, next: null });

describe('a message that arrives', () => {
  test('is at the head, and counted', () => {
    const { pages } = withNotification({ pages: [page(2), page(1)], pageParams: [undefined, 'x'] }, notification(3))!;
    expect(pages.map((each) => each.notifications.map(({ seq }) => seq))).toEqual([[3, 2], [1]]);
    expect(pages[0]!.unread_count).toBe(2);
  });

  test('that is known already changes nothing', () => {
    const known = { pages: [page(2), page(1)], pageParams: [undefined, 'x'] };
    expect(withNotification(known, notification(1))).toBe(known);
  });

  test('before the list was read waits for it', () => {
    expect(withNotification(undefined, notification(1))).toBeUndefined();
  });
});

test('attempts come later and later, half a minute apart at most', () => {
  const waits = [1, 2, 3, 4, 5, 6, 100].map((failures) => waitBeforeAttempt(failures, 0.5));
  expect(waits).toEqual([1000, 2000, 5000, 10_000, 30_000, 30_000, 30_000]);
  expect([waitBeforeAttempt(1, 0), waitBeforeAttempt(1, 1)]).toEqual([800, 1200]);
});
