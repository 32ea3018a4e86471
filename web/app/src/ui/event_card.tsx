/** An event in short: when, what, where, for how much, and whether there is room. The whole card leads to its page. */
import { useQueryClient } from '@tanstack/react-query';
import { MapPin, Video } from 'lucide-react';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Schemas } from '../api/client';
import { type Format, useFormat } from '../i18n/format';
import { type Places, useLivePlaces } from './live_places';
import { Moon } from './moon';
import { Badge, type Tone } from './page';
import { Rating } from './stars';
import { useOnScreen } from './use_on_screen';

export type Event = Schemas['Event'];

export const KINDS = ['session', 'workshop', 'retreat', 'concert', 'course', 'talk', 'walk'] as const;

/** The usual kinds in the reader's words, others as they are spelled. */
export function useKindName(): (kind: string) => string {
  const { t } = useTranslation('public');
  return (kind) => {
    const known = KINDS.find((each) => each === kind.toLowerCase());
    return known ? t(`kind.${known}`) : kind;
  };
}

/** Whether clocks show the same in the event's zone and here. */
export function sameClock(format: Format, event: Pick<Event, 'start_datetime' | 'time_zone'>): boolean {
  return format.dayAndTime(event.start_datetime) === format.dayAndTime(event.start_datetime, event.time_zone);
}

export function hasBegun(event: Pick<Event, 'start_datetime'>): boolean {
  return Date.parse(event.start_datetime) <= Date.now();
}

/** Where no end is told, what has begun counts as over. */
export function isOver(event: Pick<Event, 'start_datetime' | 'end_datetime'>): boolean {
  return Date.parse(event.end_datetime ?? event.start_datetime) <= Date.now();
}

const FEW = 3;

export function PlacesBadge({ event, places }: { event: Event; places: Places }) {
  const { t } = useTranslation('public');
  const left = places.available_spots;
  const [tone, words]: [Tone, string] =
    places.status === 'cancelled' ? ['bad', t('state.cancelled')]
    : isOver(event) ? ['plain', t('state.over')]
    : hasBegun(event) ? ['plain', t('state.begun')]
    : !event.is_active ? ['plain', t('state.closed')]
    : left === null ? ['good', t('places.open')]
    : left <= 0 ? ['bad', t('places.full')]
    : [left <= FEW ? 'warn' : 'good', t('places.left', { count: left })];
  return <Badge tone={tone}>{words}</Badge>;
}

export function Price({ event }: { event: Pick<Event, 'price' | 'currency'> }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  return <>{event.price === 0 ? t('common:free') : format.money(event.price, event.currency)}</>;
}

export function DateTile({ event }: { event: Pick<Event, 'start_datetime' | 'time_zone'> }) {
  const format = useFormat();
  const part = (options: Intl.DateTimeFormatOptions) => format.date(event.start_datetime, event.time_zone, options);
  return (
    <div aria-hidden className="flex w-16 shrink-0 flex-col items-center self-start rounded-xl bg-sunken px-1 py-2.5 leading-tight">
      <span className="text-sm font-semibold text-accent">{part({ month: 'short' })}</span>
      <span className="font-display text-3xl font-semibold">{part({ day: 'numeric' })}</span>
      <span className="text-sm text-muted">{part({ weekday: 'short' })}</span>
      <Moon at={event.start_datetime} className="mt-1.5 size-5 text-accent" />
    </div>
  );
}

/** The link's target, and the mark of its focus, are the card. */
const wholeCard =
  'after:absolute after:inset-0 after:rounded-2xl focus-visible:outline-none focus-visible:after:outline-3 ' +
  'focus-visible:after:outline-offset-2 focus-visible:after:outline-accent';

type CardProps = {
  event: Event;
  /** Of its heading. */
  level?: 2 | 3;
  /** Follows its places while it can be seen. */
  live?: boolean;
};

export function EventCard({ event, level = 2, live = false }: CardProps) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const kind = useKindName();
  const client = useQueryClient();
  const card = useRef<HTMLElement>(null);
  const seen = useOnScreen(card);
  const places = useLivePlaces(event, live && seen && event.is_active && event.max_participants !== null);
  const Heading = `h${level}` as const;
  return (
    <article ref={card} className="relative flex min-w-0 gap-4 rounded-2xl border border-line bg-surface p-4 transition-colors hover:border-brand sm:p-5">
      <DateTile event={event} />
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <div className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1 text-sm">
          <span className="font-semibold text-accent">{kind(event.event_type)}</span>
          {event.rating !== null && <Rating rating={event.rating} count={event.review_count} />}
        </div>
        <Heading className="text-lg leading-snug font-semibold break-words" lang={event.language ?? undefined} dir="auto">
          <Link
            to={`/app/events/${event.id}`}
            // Shown at once on its page, which asks anew all the same.
            onClick={() => client.setQueryData(['event', event.id], event, { updatedAt: 0 })}
            className={wholeCard}
          >
            {event.title}
          </Link>
        </Heading>
        <p className="text-muted">
          <span className="sr-only">{t('when')} </span>
          {format.span(event.start_datetime, event.end_datetime, event.time_zone)}
          {!sameClock(format, event) && ` ${format.zone(event.time_zone, event.start_datetime)}`}
        </p>
        <p className="flex items-start gap-1.5 text-muted">
          {event.location ? <MapPin aria-hidden className="mt-1 size-4 shrink-0" /> : <Video aria-hidden className="mt-1 size-4 shrink-0" />}
          <span className="min-w-0 break-words" dir="auto">{[event.location, event.virtual_link && t('common:online')].filter(Boolean).join(' · ')}</span>
        </p>
        <div className="mt-auto flex flex-wrap items-center justify-between gap-2 pt-1">
          <span className="text-lg font-semibold"><Price event={event} /></span>
          <PlacesBadge event={event} places={places} />
        </div>
      </div>
    </article>
  );
}
