/** What a booking has come to, as its owner sees it. */
import type { Booking } from './queries';

export type Watched = Pick<Booking, 'status' | 'payment_status' | 'refund' | 'hold_expires_at' | 'updated_at'>;
export type Outcome = 'toPay' | 'declined' | 'confirmed' | 'attended' | 'unpaid' | 'late' | 'cancelled';

export function outcomeOf({ status, payment_status, refund }: Pick<Booking, 'status' | 'payment_status' | 'refund'>): Outcome {
  if (status === 'pending') return payment_status === 'failed' ? 'declined' : 'toPay';
  if (status === 'confirmed') return 'confirmed';
  if (status === 'completed') return 'attended';
  if (refund?.cause === 'late' || (status === 'expired' && refund)) return 'late';
  return status === 'expired' ? 'unpaid' : 'cancelled';
}

const SOON_MS = 2000;
const LATER_MS = 10_000;
const HURRY_MS = 30_000;
const AFTERWARDS_MS = 300_000;

/**
 * After how many milliseconds a booking is worth another look. `watchedMs`: for how long somebody who comes from paying has been waiting; null:
 * nobody does. Payments that arrive after the hold are waited for, too, and so is money on its way back; what is settled is not asked about again.
 */
export function lookAgain(booking: Watched, watchedMs: number | null, now: number = Date.now()): number | false {
  const outcome = outcomeOf(booking);
  if (outcome === 'toPay' || outcome === 'declined') {
    const left = booking.hold_expires_at ? Date.parse(booking.hold_expires_at) - now : Infinity;
    return left < SOON_MS || (watchedMs !== null && watchedMs < HURRY_MS) ? SOON_MS : Math.min(LATER_MS, left);
  }
  const unsettled = outcome === 'unpaid' || booking.refund?.status === 'pending';
  const sinceMs = Math.min(watchedMs ?? Infinity, now - Date.parse(booking.updated_at));
  if (!unsettled || sinceMs > AFTERWARDS_MS) return false;
  return sinceMs < HURRY_MS ? SOON_MS : LATER_MS;
}
