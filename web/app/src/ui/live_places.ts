/**
 * Free places as they are now. Each stream keeps a connection of its own, of which browsers allow six to a host without HTTP/2, for all tabs
 * together: so only tabs that are seen hold any, and the events with the fewest places come first.
 */
import { useEffect, useEffectEvent, useState } from 'react';

export type Places = { available_spots: number | null; max_participants: number | null; current_participants: number; status: string };

type Watch = { eventId: number; rank: number; heard: (places: Places) => void };

const SETTLE_MS = 600;
const watches = new Set<Watch>();
const streams = new Map<Watch, EventSource>();
let settling: ReturnType<typeof setTimeout> | undefined;

function mostStreams(): number {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  return /^h[23]/.test(page?.nextHopProtocol ?? '') ? 8 : 2;
}

function open(watch: Watch): EventSource {
  const stream = new EventSource(`/events/${watch.eventId}/places`);
  stream.addEventListener('places', ({ data }: MessageEvent<string>) => watch.heard(JSON.parse(data) as Places));
  return stream;
}

function settle() {
  const wanted = document.hidden ? [] : [...watches].sort((a, b) => a.rank - b.rank).slice(0, mostStreams());
  for (const [watch, stream] of streams)
    if (!wanted.includes(watch)) {
      stream.close();
      streams.delete(watch);
    }
  for (const watch of wanted) if (!streams.has(watch)) streams.set(watch, open(watch));
}

/** What scrolls by is not worth a connection. */
function settleSoon() {
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLE_MS);
}

/** Answers how to stop. The lower the rank, the sooner it gets a stream. */
export function watchPlaces(eventId: number, rank: number, heard: (places: Places) => void): () => void {
  const watch = { eventId, rank, heard };
  if (watches.size === 0) document.addEventListener('visibilitychange', settle);
  watches.add(watch);
  settleSoon();
  return () => {
    watches.delete(watch);
    if (watches.size === 0) document.removeEventListener('visibilitychange', settle);
    settleSoon();
  };
}

/** An event's places: as the stream last told them, else as they were fetched. Where `watched` is false nothing is asked. */
export function useLivePlaces(event: Places & { id: number }, watched: boolean, rank?: number): Places {
  const [told, setTold] = useState<{ of: object; places: Places } | null>(null);
  const order = rank ?? event.available_spots ?? Infinity;
  const heard = useEffectEvent((places: Places) => setTold({ of: event, places }));
  useEffect(() => (watched ? watchPlaces(event.id, order, heard) : undefined), [event.id, watched, order]);
  return told?.of === event ? told.places : event;
}
