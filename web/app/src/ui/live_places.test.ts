import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Places, watchPlaces } from './live_places';

/** jsdom has none. */
class Stream extends EventTarget {
  static open: Stream[] = [];

  constructor(readonly url: string) {
    super();
    Stream.open.push(this);
  }

  close() {
    Stream.open = Stream.open.filter((stream) => stream !== this);
  }
}

const open = () => Stream.open.map(({ url }) => url).sort();
const settle = () => vi.advanceTimersByTime(1000);
const stops: (() => void)[] = [];
const watch = (eventId: number, rank: number, heard: (places: Places) => void = () => undefined) => {
  const stop = watchPlaces(eventId, rank, heard);
  stops.push(stop);
  return stop;
};

function hide(hidden: boolean) {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(hidden);
  document.dispatchEvent(new Event('visibilitychange'));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', Stream);
});

afterEach(() => {
  stops.splice(0).forEach((stop) => stop());
  settle();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('without HTTP/2 the two with the fewest places are followed', () => {
  watch(1, 30);
  watch(2, 3);
  const stop = watch(3, 1);
  settle();
  expect(open()).toEqual(['/events/2/places', '/events/3/places']);
  stop();
  settle();
  expect(open()).toEqual(['/events/1/places', '/events/2/places']);
});

test('what scrolls by gets no stream', () => {
  watch(1, 1)();
  settle();
  expect(open()).toEqual([]);
});

test('a tab that is not seen holds none', () => {
  watch(1, 1);
  settle();
  hide(true);
  expect(open()).toEqual([]);
  hide(false);
  expect(open()).toEqual(['/events/1/places']);
});

test('what the stream tells is passed on', () => {
  const heard = vi.fn();
  watch(1, 1, heard);
  settle();
  const places = { available_spots: 4, max_participants: 10, current_participants: 6, status: 'active' };
  Stream.open[0]!.dispatchEvent(new MessageEvent('places', { data: JSON.stringify(places) }));
  expect(heard).toHaveBeenCalledExactlyOnceWith(places);
});
