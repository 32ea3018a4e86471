/** What several pages ask for. */
import { api, call } from '../../api/client';

type Asked = { signal: AbortSignal };

export function eventQuery(id: number) {
  return {
    queryKey: ['event', id] as const,
    queryFn: ({ signal }: Asked) => call(api.GET('/events/{event_id}', { params: { path: { event_id: id } }, signal })),
  };
}

export function facilitatorQuery(id: number) {
  return {
    queryKey: ['facilitator', id] as const,
    queryFn: ({ signal }: Asked) => call(api.GET('/facilitators/{facilitator_id}', { params: { path: { facilitator_id: id } }, signal })),
    staleTime: 300_000,
  };
}

/** The kinds of events that lie ahead, the commonest first. */
export const kindsQuery = {
  queryKey: ['event-types'] as const,
  queryFn: ({ signal }: Asked) => call(api.GET('/event-types', { signal })),
  staleTime: 300_000,
};
