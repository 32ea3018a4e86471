/** The events of a month, each on the day on which it begins where it takes place. */
import { TZDate } from '@date-fns/tz';
import { format } from 'date-fns';
import type { Event } from '../../ui/event_card';

type Timed = Pick<Event, 'start_datetime' | 'time_zone'>;
/** Asks for a page of events that begin in between, behind the cursor. */
type Ask<E> = (span: { from: string; to: string }, after: string | null) => Promise<{ events: E[]; next: string | null }>;

const MOST_PAGES = 10;
/** No zone is further from UTC. */
const FURTHEST_MS = 14 * 3_600_000;

/** 2026-12-05 */
export function dayOf(event: Timed): string {
  return format(new TZDate(event.start_datetime, event.time_zone), 'yyyy-MM-dd');
}

/** By day. `more`: there are so many that they were not all asked for. */
export async function eventsOfMonth<E extends Timed>(month: string, ask: Ask<E>): Promise<{ days: Map<string, E[]>; more: boolean }> {
  const [year, number] = month.split('-').map(Number) as [number, number];
  const span = { from: new Date(Date.UTC(year, number - 1) - FURTHEST_MS).toISOString(), to: new Date(Date.UTC(year, number) + FURTHEST_MS).toISOString() };
  const days = new Map<string, E[]>();
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const got: Awaited<ReturnType<Ask<E>>> = await ask(span, after);
    for (const event of got.events) {
      const day = dayOf(event);
      if (day.startsWith(month)) days.set(day, [...(days.get(day) ?? []), event]);
    }
    after = got.next;
    if (!after) break;
  }
  return { days, more: after !== null };
}
