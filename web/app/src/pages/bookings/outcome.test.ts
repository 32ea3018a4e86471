import { expect, test } from 'vitest';
import { lookAgain, outcomeOf, type Watched } from './outcome';
import type { Booking } from './queries';

const refund = (cause: NonNullable<Booking['refund']>['cause'], status: NonNullable<Booking['refund']>['status'] = 'pending') =>
  ({ refund_id: 'rfnd_1', amount: 20, amount_minor: 2000, currency: 'EUR', status, cause }) as Booking['refund'];
const booking = (part: Partial<Watched>): Watched => ({
  status: 'pending', payment_status: 'pending', refund: null, hold_expires_at: null, updated_at: '2026-12-01T11:00:00Z', ...part,
});

test.each([
  [{}, 'toPay'],
  [{ payment_status: 'failed' }, 'declined'],
  [{ status: 'confirmed', payment_status: 'completed' }, 'confirmed'],
  [{ status: 'confirmed', payment_status: 'completed', refund: refund('duplicate') }, 'confirmed'],
  [{ status: 'completed' }, 'attended'],
  [{ status: 'expired' }, 'unpaid'],
  [{ status: 'expired', refund: refund('late') }, 'late'],
  [{ status: 'cancelled', refund: refund('late') }, 'late'],
  [{ status: 'cancelled', refund: refund('cancelled') }, 'cancelled'],
  [{ status: 'cancelled' }, 'cancelled'],
] as [Partial<Watched>, string][])('%o is %s', (part, outcome) => {
  expect(outcomeOf(booking(part))).toBe(outcome);
});

test('who comes from paying is told soon, even when the money comes after the hold', () => {
  const now = Date.parse('2026-12-01T12:00:00Z');
  const held = booking({ hold_expires_at: '2026-12-01T12:10:00Z' });
  expect(lookAgain(held, 0, now)).toBe(2000);
  expect(lookAgain(held, 60_000, now)).toBe(10_000);
  expect(lookAgain(held, null, now)).toBe(10_000);
  expect(lookAgain(booking({ hold_expires_at: '2026-12-01T12:00:05Z' }), null, now)).toBe(5000);
  expect(lookAgain(booking({ status: 'expired' }), 0, now)).toBe(2000);
  expect(lookAgain(booking({ status: 'expired', updated_at: '2026-12-01T11:59:59Z' }), null, now)).toBe(2000);
  expect(lookAgain(booking({ status: 'expired', updated_at: '2026-12-01T11:58:00Z' }), null, now)).toBe(10_000);
  expect(lookAgain(booking({ status: 'expired' }), null, now)).toBe(false);
  expect(lookAgain(booking({ status: 'expired', refund: refund('late') }), 60_000, now)).toBe(10_000);
  expect(lookAgain(booking({ status: 'expired', refund: refund('late', 'processed') }), 60_000, now)).toBe(false);
  expect(lookAgain(booking({ status: 'confirmed' }), 0, now)).toBe(false);
});
