/** Letting people in, and taking that back: shown at once, put right if it fails. */
import { type InfiniteData, useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { useErrorSentence } from '../../ui/errors';
import { useToast } from '../../ui/toast';
import { bookingsKey, listKey } from './queries';

type Booking = Schemas['Booking'];
export type BookingsPage = { event: { checked_in: number }; bookings: Booking[]; next: string | null };

/** The list with that one in, or out again; the count goes along. */
export function withArrival(data: InfiniteData<BookingsPage> | undefined, id: number, at: string | null): InfiniteData<BookingsPage> | undefined {
  const before = data?.pages.flatMap((page) => page.bookings).find((booking) => booking.id === id);
  if (!data || !before) return data;
  const more = Number(at !== null) - Number(before.checked_in_at !== null);
  return {
    ...data,
    pages: data.pages.map((page) => ({
      ...page,
      event: { ...page.event, checked_in: page.event.checked_in + more },
      bookings: page.bookings.map((booking) => (booking.id === id ? { ...booking, checked_in_at: at } : booking)),
    })),
  };
}

export function useCheckIn(eventId: number) {
  const { t } = useTranslation('host');
  const client = useQueryClient();
  const say = useToast();
  const sentence = useErrorSentence();
  const queryKey = bookingsKey(eventId);
  const mutation = useMutation({
    mutationFn: ({ booking, arrived }: { booking: Booking; arrived: boolean }) => {
      const sent = { params: { path: { booking_id: booking.id } }, headers: { 'Idempotency-Key': newIdempotencyKey() } };
      return call(arrived ? api.POST('/facilitator/bookings/{booking_id}/check-in', sent) : api.DELETE('/facilitator/bookings/{booking_id}/check-in', sent));
    },
    onMutate: async ({ booking, arrived }) => {
      await client.cancelQueries({ queryKey });
      const lists = { queryKey: listKey(eventId) };
      const before = client.getQueriesData<InfiniteData<BookingsPage>>(lists);
      client.setQueriesData<InfiniteData<BookingsPage>>(lists, (data) => withArrival(data, booking.id, arrived ? new Date().toISOString() : null));
      return before;
    },
    onSuccess: (_, { booking, arrived }) => {
      const undo = () => mutation.mutate({ booking, arrived: !arrived });
      say(t(arrived ? 'arrival.in' : 'arrival.out', { name: booking.user.name }), undo);
    },
    onError: (error, _, before) => {
      before?.forEach(([key, data]) => client.setQueryData(key, data));
      say(sentence(error));
    },
    onSettled: () => client.invalidateQueries({ queryKey }),
  });
  return mutation.mutate;
}
