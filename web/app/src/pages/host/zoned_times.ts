/** Times as clocks show them where an event takes place, which is what one types into a form: `2026-12-05T17:30`. */
import { tzOffset } from '@date-fns/tz';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function asText(time: number): string {
  return new Date(time).toISOString().slice(0, 16);
}

/** As if the clock were UTC's, to reckon with; NaN for what is no time. */
function asNumber(local: string): number {
  return Date.parse(`${local}Z`);
}

export function toLocal(time: string, zone: string): string {
  const instant = Date.parse(time);
  return asText(instant + tzOffset(zone, new Date(instant)) * MINUTE_MS);
}

/** When clocks there show that. Twice where they are set back, earlier first; never where they are set forward over it. */
export function instantsOf(local: string, zone: string): Date[] {
  const time = asNumber(local);
  if (Number.isNaN(time)) return [];
  const offsets = new Set([-DAY_MS, DAY_MS].map((away) => tzOffset(zone, new Date(time + away))));
  return [...offsets]
    .map((offset) => ({ offset, instant: new Date(time - offset * MINUTE_MS) }))
    .filter(({ offset, instant }) => tzOffset(zone, instant) === offset)
    .map(({ instant }) => instant)
    .sort((a, b) => a.getTime() - b.getTime());
}

/** The first such moment; null where there is none. */
export function toInstant(local: string, zone: string): Date | null {
  return instantsOf(local, zone)[0] ?? null;
}

/** So much later by the clock on the wall. What is no time stays as it is. */
export function later(local: string, milliseconds: number): string {
  const time = asNumber(local);
  return Number.isNaN(time) ? local : asText(time + milliseconds);
}

/** From one to the other by the clock on the wall; null where one is no time. */
export function between(start: string, end: string): number | null {
  const length = asNumber(end) - asNumber(start);
  return Number.isNaN(length) ? null : length;
}

/** The same weekday and time, as few weeks on as it takes to lie ahead, one at least. */
export function nextWeek(local: string, zone: string, now = Date.now()): number {
  let weeks = 1;
  const start = toInstant(local, zone)?.getTime() ?? now;
  if (start + 7 * DAY_MS < now) weeks = Math.ceil((now - start) / (7 * DAY_MS));
  return weeks * 7 * DAY_MS;
}
