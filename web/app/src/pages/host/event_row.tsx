/** An event as its host sees it: when it is, how full it is, and what can be done about it. */
import { CalendarPlus, Copy, Pencil, QrCode, UsersRound } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useFormat } from '../../i18n/format';
import { CopyButton } from '../../ui/copy';
import { type Event, hasBegun, Price, sameClock } from '../../ui/event_card';
import type { Places } from '../../ui/live_places';
import { Moon } from '../../ui/moon';
import { Badge, type Tone } from '../../ui/page';

const DAY_MS = 86_400_000;
const UNTOLD_LENGTH_MS = 3_600_000;

export function isOver(event: Pick<Event, 'start_datetime' | 'end_datetime'>, now = Date.now()): boolean {
  return (event.end_datetime ? Date.parse(event.end_datetime) : Date.parse(event.start_datetime) + UNTOLD_LENGTH_MS) <= now;
}

/** People are let in from a day before the start until a day after the end. */
export function checkInIsOpen(event: Pick<Event, 'start_datetime' | 'end_datetime' | 'status'>, now = Date.now()): boolean {
  const end = Date.parse(event.end_datetime ?? event.start_datetime);
  return event.status === 'active' && Date.parse(event.start_datetime) - DAY_MS <= now && now <= end + DAY_MS;
}

export function publicAddress(event: Pick<Event, 'id'>): string {
  return `${window.location.origin}/app/events/${event.id}`;
}

export function StateBadge({ event }: { event: Event }) {
  const { t } = useTranslation('host');
  const [tone, words]: [Tone, string] =
    event.status === 'cancelled' ? ['bad', t('state.cancelled')]
    : isOver(event) ? ['plain', t('state.over')]
    : hasBegun(event) ? ['accent', t('state.running')]
    : !event.is_active ? ['warn', t('state.closed')]
    : event.available_spots === 0 ? ['brand', t('state.full')]
    : ['good', t('state.open')];
  return <Badge tone={tone}>{words}</Badge>;
}

/** How full it is. For screen readers the numbers beside it say so. */
export function PlacesBar({ places }: { places: Places }) {
  const { current_participants: taken, max_participants: most } = places;
  if (most === null) return null;
  return (
    <span aria-hidden className="block h-2 overflow-hidden rounded-full bg-line">
      <span className="block h-full rounded-full bg-brand" style={{ width: `${Math.min(100, (100 * taken) / Math.max(1, most))}%` }} />
    </span>
  );
}

/** How many places are taken, and of how many. */
export function PlacesTaken({ places, waiting = 0 }: { places: Places; waiting?: number }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const { current_participants: taken, max_participants: most } = places;
  return (
    <div className="flex flex-col gap-1.5">
      <p>
        <span className="font-semibold">
          {most === null ? t('places.booked', { count: taken }) : t('places.of', { taken: format.number(taken), count: most })}
        </span>
        {waiting > 0 && <span className="text-muted"> · {t('places.waiting', { count: waiting })}</span>}
      </p>
      <PlacesBar places={places} />
    </div>
  );
}

const actionClass = 'inline-flex min-h-11 items-center gap-2 rounded-lg px-4 py-2 font-semibold text-brand hover:bg-brand-soft';

function Action({ to, Icon, name, children }: { to: string; Icon: typeof Copy; name: string; children: ReactNode }) {
  return (
    <Link to={to} className={actionClass}>
      <Icon aria-hidden className="size-5" />
      {children}
      <span className="sr-only">{name}</span>
    </Link>
  );
}

export function EventRow({ event, level = 2, brief = false }: { event: Event; level?: 2 | 3; /** Without what one seldom needs. */ brief?: boolean }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const Heading = `h${level}` as const;
  const page = `/app/host/events/${event.id}`;
  const part = (options: Intl.DateTimeFormatOptions) => format.date(event.start_datetime, event.time_zone, options);
  const otherYear = part({ year: 'numeric' }) !== format.date(Date.now(), undefined, { year: 'numeric' });
  return (
    <article className="flex min-w-0 gap-4 rounded-2xl border border-line bg-surface p-4 sm:p-5">
      <div aria-hidden className="flex h-fit w-16 shrink-0 flex-col items-center rounded-xl bg-sunken px-1 py-2.5 leading-tight max-sm:hidden">
        <span className="text-sm font-semibold text-accent">{part({ month: 'short' })}</span>
        <span className="font-display text-3xl font-semibold">{part({ day: 'numeric' })}</span>
        <span className="text-sm text-muted">{otherYear ? part({ year: 'numeric' }) : part({ weekday: 'short' })}</span>
        <Moon at={event.start_datetime} className="mt-1.5 size-5 text-accent" />
      </div>
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <div className="flex flex-wrap items-start justify-between gap-x-3 gap-y-1">
          <Heading className="min-w-0 text-lg leading-snug font-semibold break-words" lang={event.language ?? undefined} dir="auto">
            <Link to={page} className="hover:underline">
              {event.title}
            </Link>
          </Heading>
          <StateBadge event={event} />
        </div>
        <p className="text-muted">
          {format.span(event.start_datetime, event.end_datetime, event.time_zone)}
          {!sameClock(format, event) && ` ${format.zone(event.time_zone, event.start_datetime)}`}
          {' · '}
          {event.location ? <span dir="auto">{event.location}</span> : t('common:online')}
          {' · '}
          <Price event={event} />
        </p>
        <div className="max-w-md">
          <PlacesTaken places={event} waiting={event.waitlist_count} />
        </div>
        <div className="-mx-4 -mb-2 flex flex-wrap">
          {checkInIsOpen(event) && <Action to={`${page}/check-in`} Icon={QrCode} name={event.title}>{t('action.checkIn')}</Action>}
          <Action to={page} Icon={UsersRound} name={event.title}>{t('action.attendees')}</Action>
          {!brief && event.status === 'active' && <Action to={`${page}/edit`} Icon={Pencil} name={event.title}>{t('common:edit')}</Action>}
          {!brief && <Action to={`/app/host/events/new?from=${event.id}`} Icon={CalendarPlus} name={event.title}>{t('action.duplicate')}</Action>}
          {event.status === 'active' && !isOver(event) && <CopyButton look="quiet" text={publicAddress(event)} label={t('action.share')} />}
        </div>
      </div>
    </article>
  );
}
