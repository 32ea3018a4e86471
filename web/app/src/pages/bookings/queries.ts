/** What several pages ask for. All of it lies under ['bookings'] and ['waitlist'], so that a change can have it asked for anew. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { api, ApiError, call, type Schemas } from '../../api/client';
import { usePages } from '../../api/pages';

export type Booking = Schemas['Booking'];
export type WaitlistEntry = Schemas['WaitlistEntry'];
export type Filter = { status?: Booking['status']; sort?: 'created' | '-created' | 'start' | '-start'; limit?: number };

/** For what offers a place: that there was none, or none that counts any more. */
export const NO_BOOKING = { booking: null, known: true, certain: true } as const;

export function bookingKey(id: number) {
  return ['bookings', 'one', id] as const;
}

export function useBooking(id: number, pollMs?: (booking: Booking) => number | false) {
  return useQuery({
    queryKey: bookingKey(id),
    queryFn: ({ signal }) => call(api.GET('/bookings/{booking_id}', { params: { path: { booking_id: id } }, signal })),
    refetchInterval: ({ state }) => (state.data && pollMs ? pollMs(state.data) : false),
  });
}

/** `bookings` is undefined while nothing is known yet. */
export function useBookings(filter: Filter) {
  const query = usePages(['bookings', 'list', filter], (after, signal) => call(api.GET('/bookings', { params: { query: { ...filter, after } }, signal })));
  return { query, bookings: query.data?.pages.flatMap((page) => page.bookings) };
}

/** One page of them, where there cannot be many or only the first matter. */
export function useFirstBookings(filter: Filter, enabled = true) {
  return useQuery({
    queryKey: ['bookings', 'first', filter],
    queryFn: async ({ signal }) => (await call(api.GET('/bookings', { params: { query: filter }, signal }))).bookings,
    enabled,
  });
}

/** Where one is in line, or is offered a place. */
export function useWaitlist() {
  const query = usePages(['waitlist', 'mine'], (after, signal) => call(api.GET('/waitlist', { params: { query: { after } }, signal })));
  return { query, entries: query.data?.pages.flatMap((page) => page.entries) };
}

/** A place kept for the reader by this event's waiting list, until when. */
export function useOffer(eventId: number, enabled: boolean): string | null {
  const { data } = useQuery({
    queryKey: ['waitlist', 'event', eventId],
    queryFn: ({ signal }) => call(api.GET('/waitlist', { params: { query: { event_id: eventId } }, signal })),
    enabled,
  });
  const entry = data?.entries[0];
  return entry?.state === 'offered' ? entry.offered_until : null;
}

/** After something was done: the booking as it was answered is shown at once, lists and places are asked for anew. */
export function useChanged() {
  const client = useQueryClient();
  return useCallback(
    (booking?: Booking) => {
      if (booking) client.setQueryData(bookingKey(booking.id), booking);
      void client.invalidateQueries({ queryKey: ['bookings'] });
      void client.invalidateQueries({ queryKey: ['waitlist'] });
      void client.invalidateQueries({ queryKey: booking ? ['event', booking.event_id] : ['event'] });
    },
    [client],
  );
}

export function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 400);
}
