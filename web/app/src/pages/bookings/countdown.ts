/** How long something still lasts: to be seen by the second, to be heard by the minute. */
import { useEffect, useState } from 'react';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const LAST_SECONDS = [10, 30, 60];
const QUARTER = 15;

/** 4:07; 1:02:03 */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND_MS));
  const pair = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${pair(minutes)}:${pair(seconds % 60)}` : `${minutes}:${pair(seconds % 60)}`;
}

/** What is said aloud: it changes once a minute, in the last minute at 60, 30 and 10 seconds, and long before the end every quarter of an hour. */
export function spoken(ms: number): { unit: 'minute' | 'second'; count: number } | null {
  if (ms <= 0) return null;
  const last = LAST_SECONDS.find((seconds) => ms <= seconds * SECOND_MS);
  if (last) return { unit: 'second', count: last };
  const minutes = Math.ceil(ms / MINUTE_MS);
  return { unit: 'minute', count: minutes <= QUARTER ? minutes : QUARTER * Math.ceil(minutes / QUARTER) };
}

/** The time, as it goes by. */
export function useNow(everyMs = SECOND_MS): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Calendar days from today on, as clocks here show them. */
export function daysUntil(time: string, now: number = Date.now()): number {
  const midnight = (at: Date) => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  return Math.round((midnight(new Date(time)) - midnight(new Date(now))) / 86_400_000);
}
