/** What several of the host's pages ask for. */
import type { QueryClient } from '@tanstack/react-query';
import { api, call } from '../../api/client';
import { valuesOf } from './event_values';

type Asked = { signal?: AbortSignal };

/** An event as its form takes it, with the ETag that says at the change that nobody was faster. */
export async function fetchBasis(id: number, { signal }: Asked = {}) {
  const answer = api.GET('/events/{event_id}', { params: { path: { event_id: id } }, signal: signal ?? null, cache: 'no-store' });
  const event = await call(answer);
  return { event, values: valuesOf(event), etag: (await answer).response.headers.get('ETag') };
}

/** Never from the cache: who edits wants what is there now. */
export function basisQuery(id: number) {
  return {
    queryKey: ['host', 'event', id, 'edit'] as const,
    queryFn: ({ signal }: Asked) => fetchBasis(id, { signal }),
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  };
}

/** Of all that shows who comes. */
export const bookingsKey = (eventId: number) => ['host', 'event', eventId, 'bookings'];
export const listKey = (eventId: number) => [...bookingsKey(eventId), 'list'];

/** How many are expected, and how many have arrived. */
export function headQuery(eventId: number) {
  const params = { path: { event_id: eventId }, query: { limit: 1 } };
  return {
    queryKey: [...bookingsKey(eventId), 'head'],
    queryFn: async ({ signal }: Asked) => (await call(api.GET('/facilitator/events/{event_id}/bookings', { params, signal: signal ?? null }))).event,
  };
}

/** After something has changed about an event: what others show of it is asked for anew. */
export function forgetEvent(client: QueryClient, id: number) {
  return Promise.all([['host'], ['event', id], ['events']].map((queryKey) => client.invalidateQueries({ queryKey })));
}

export function eventIdOf(text: string | null | undefined): number | null {
  return text && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null;
}
