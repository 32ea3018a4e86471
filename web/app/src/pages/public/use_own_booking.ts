import { useQuery } from '@tanstack/react-query';
import { api, call, type Schemas } from '../../api/client';
import { useSession } from '../../session/session';
import { type Event, hasBegun } from '../../ui/event_card';

/** `known`: it has been looked for. `certain`: among all bookings that could be it. */
export type OwnBooking = { booking: Schemas['Booking'] | null; known: boolean; certain: boolean };

const COUNTS = ['pending', 'confirmed', 'completed'];

/** The reader's booking of an event; nothing is asked for visitors. */
export function useOwnBooking(event: Event): OwnBooking {
  const { profile } = useSession();
  const past = hasBegun(event);
  const { data, isError } = useQuery({
    queryKey: ['bookings', 'nearest', past],
    queryFn: ({ signal }) =>
      call(api.GET('/bookings', { params: { query: { when: past ? 'past' : 'upcoming', sort: past ? '-start' : 'start', limit: 100 } }, signal })),
    enabled: !!profile,
  });
  const booking = data?.bookings.find(({ event_id, status }) => event_id === event.id && COUNTS.includes(status)) ?? null;
  return { booking, known: profile === null || isError || !!data, certain: booking !== null || data?.next === null };
}
