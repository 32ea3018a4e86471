/** One event: all that somebody needs to know before they book it. */
import { useQuery } from '@tanstack/react-query';
import { CalendarPlus, Languages, UserRound, UsersRound } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { ApiError } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { ButtonLink } from '../../ui/button';
import { calendarEntry } from '../../ui/calendar';
import { CalendarButtons } from '../../ui/calendar_buttons';
import { type Event, hasBegun, isOver, PlacesBadge, Price, useKindName } from '../../ui/event_card';
import { Fact, WhenAndWhere } from '../../ui/event_facts';
import { useLivePlaces } from '../../ui/live_places';
import { Moon } from '../../ui/moon';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Card, Empty, Page } from '../../ui/page';
import { Loading, Skeleton } from '../../ui/skeleton';
import { Rating } from '../../ui/stars';
import { EventAction } from './event_action';
import { CancellationPolicy } from './policy_words';
import { eventQuery, facilitatorQuery } from './queries';
import { type OwnBooking, useOwnBooking } from './use_own_booking';

const Reviews = lazy(() => import('./reviews'));

export default function EventPage() {
  const { t } = useTranslation('public');
  const { eventId = '' } = useParams();
  const valid = /^[1-9]\d{0,15}$/.test(eventId);
  const { data: event, error, refetch } = useQuery({ ...eventQuery(Number(eventId)), enabled: valid });
  if (!valid || (error instanceof ApiError && error.status === 404))
    return (
      <Page title={t('event.unknown')}>
        <Empty title={t('event.unknownText')} action={<ButtonLink to="/app/events">{t('common:nav.browse')}</ButtonLink>} />
      </Page>
    );
  if (event) return <Shown key={event.id} event={event} />;
  return (
    <div className="mx-auto flex min-h-dvh w-full max-w-6xl flex-col gap-6 px-4 py-8">
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      {!error && (
        <>
          <Skeleton className="h-11 w-3/4" />
          <Loading count={2} className="h-64 w-full rounded-2xl" />
        </>
      )}
    </div>
  );
}

function Shown({ event }: { event: Event }) {
  const { t } = useTranslation('public');
  const kind = useKindName();
  const begun = hasBegun(event);
  const places = useLivePlaces(event, event.is_active && !begun && event.max_participants !== null, -1);
  const own = useOwnBooking(event);
  const action = <EventAction event={event} places={places} own={own} />;
  const bookable = event.is_active && !begun;
  const lead = (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-base">
      <Badge tone="accent">{kind(event.event_type)}</Badge>
      {event.rating !== null && event.review_count === 0 && <Rating rating={event.rating} count={0} />}
      {event.rating !== null && event.review_count > 0 && (
        <a href="#reviews" className="text-ink hover:underline">
          <Rating rating={event.rating} count={event.review_count} />
        </a>
      )}
      <span>
        {t('event.with')} <HostLink event={event} />
      </span>
    </div>
  );
  return (
    <Page title={event.title} lead={lead} wide>
      <StateNotice event={event} begun={begun} own={own} />
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_22rem] lg:gap-8">
        <Card title={t('event.overview')} className="lg:col-start-2 lg:row-start-1 lg:sticky lg:top-4">
          <div className="flex flex-wrap items-center justify-between gap-2">
            <p className="text-2xl font-semibold"><Price event={event} /></p>
            <p aria-live="polite"><PlacesBadge event={event} places={places} /></p>
          </div>
          <Facts event={event} own={own} taken={places.current_participants} />
          <div className="flex flex-col gap-2 max-lg:hidden">{action}</div>
          {bookable && !own.booking && places.available_spots !== 0 && (
            <p className="text-sm text-muted">{t(event.price > 0 ? 'event.promisePaid' : 'event.promise')}</p>
          )}
          {bookable && <AddToCalendar event={event} own={own} />}
        </Card>
        <div className="flex min-w-0 flex-col gap-6 lg:col-start-1 lg:row-start-1 lg:row-span-2">
          <Card title={t('event.about')}>
            <Description event={event} />
          </Card>
          {event.cancellation_policy && !begun && (
            <Card title={t('policy.title')}>
              <CancellationPolicy tiers={event.cancellation_policy} event={event} />
            </Card>
          )}
          <HostCard event={event} />
          {(event.review_count > 0 || begun) && (
            <Suspense fallback={<Loading count={1} className="h-40 w-full rounded-2xl" />}>
              <Reviews event={event} own={own} />
            </Suspense>
          )}
        </div>
      </div>
      {bookable && (
        <StickyBar>
          <div className="leading-tight">
            <p className="text-lg font-semibold"><Price event={event} /></p>
            <PlacesBadge event={event} places={places} />
          </div>
          <div className="flex min-w-0 flex-col">{action}</div>
        </StickyBar>
      )}
    </Page>
  );
}

/** At hand on phones, wherever one reads. What has the focus must not end up behind it (WCAG 2.4.11). */
function StickyBar({ children }: { children: ReactNode }) {
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const root = document.documentElement;
    root.style.scrollPaddingBlockEnd = `${bar.current?.offsetHeight ?? 0}px`;
    return () => void root.style.removeProperty('scroll-padding-block-end');
  }, []);
  return (
    <div ref={bar} className="no-print sticky bottom-0 -mx-4 -mb-8 flex items-center justify-between gap-4 border-t border-line bg-surface px-4 py-3 lg:hidden">
      {children}
    </div>
  );
}

function HostLink({ event }: { event: Event }) {
  return (
    <Link to={`/app/facilitators/${event.facilitator.id}`} className="font-semibold text-brand underline underline-offset-4" dir="auto">
      {event.facilitator.name}
    </Link>
  );
}

function StateNotice({ event, begun, own }: { event: Event; begun: boolean; own: OwnBooking }) {
  const { t } = useTranslation('public');
  const more = (
    <ButtonLink to="/app/events" look="secondary" className="mt-2 self-start">
      {t('event.others')}
    </ButtonLink>
  );
  if (event.status === 'cancelled')
    return (
      <Notice kind="bad" title={t('state.cancelled')}>
        <p>{t('event.cancelledText')}</p>
        {more}
      </Notice>
    );
  if (begun)
    return (
      <Notice title={t(isOver(event) ? 'state.over' : 'state.begun')}>
        <p>{t(isOver(event) ? 'event.overText' : 'event.begunText')}</p>
        {more}
      </Notice>
    );
  if (!event.is_active)
    return (
      <Notice kind="warn" title={t('state.closed')}>
        <p>{t('event.closedText')}</p>
        {more}
      </Notice>
    );
  if (own.booking?.status === 'confirmed') return <Notice kind="good" title={t('event.booked')} />;
  if (own.booking?.status === 'pending') return <Notice kind="warn" title={t('event.held')} />;
  return null;
}

function Facts({ event, own, taken }: { event: Event; own: OwnBooking; taken: number }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  return (
    <dl className="flex flex-col gap-4">
      <WhenAndWhere
        event={event}
        joinable={own.booking?.status === 'confirmed'}
        more={
          <span className="mt-1 inline-flex items-center gap-2 text-sm text-muted">
            <Moon at={event.start_datetime} className="size-4 text-accent" />
            {format.relative(event.start_datetime)}
          </span>
        }
      />
      {event.language && (
        <Fact Icon={Languages} label={t('filter.language')}>
          {t('event.heldIn', { language: format.languageName(event.language) })}
        </Fact>
      )}
      {event.max_participants !== null && (
        <Fact Icon={UsersRound} label={t('places.label')}>
          {t('places.of', { taken: format.number(taken), count: event.max_participants })}
        </Fact>
      )}
    </dl>
  );
}

/** Plain text: an empty line parts paragraphs, and a line stays one. */
function Description({ event }: { event: Event }) {
  const { t } = useTranslation('public');
  const paragraphs = event.description?.trim().split(/\n\s*\n/) ?? [];
  if (paragraphs.length === 0 || !paragraphs[0]) return <p className="text-muted">{t('event.noDescription')}</p>;
  return (
    <div lang={event.language ?? undefined} className="flex max-w-prose flex-col gap-4 leading-relaxed">
      {paragraphs.map((paragraph, index) => (
        <p key={index} dir="auto" className="break-words whitespace-pre-line">
          {paragraph}
        </p>
      ))}
    </div>
  );
}

function HostCard({ event }: { event: Event }) {
  const { t } = useTranslation('public');
  const { data: host } = useQuery(facilitatorQuery(event.facilitator.id));
  return (
    <Card title={t('event.host')}>
      <div className="flex gap-4">
        <span aria-hidden className="flex size-14 shrink-0 items-center justify-center rounded-full bg-brand-soft text-brand">
          <UserRound className="size-7" />
        </span>
        <div className="flex min-w-0 flex-col gap-1">
          <p className="text-lg"><HostLink event={event} /></p>
          {host?.specialization && <p dir="auto" className="text-muted">{host.specialization}</p>}
          {host && host.rating !== null && <Rating rating={host.rating} count={host.review_count} />}
        </div>
      </div>
      {host?.bio && <p dir="auto" className="max-w-prose break-words whitespace-pre-line">{host.bio}</p>}
      {host && host.upcoming_events > 1 && (
        <Link to={`/app/facilitators/${host.id}`} className="self-start py-1 font-medium text-brand underline underline-offset-4">
          {t('event.hostsEvents', { count: host.upcoming_events })}
        </Link>
      )}
    </Card>
  );
}

function AddToCalendar({ event, own }: { event: Event; own: OwnBooking }) {
  const { t } = useTranslation('public');
  const entry = calendarEntry(event, own.booking?.status === 'confirmed' ? { booking: own.booking.id } : { event: event.id }, event.revision ?? 0);
  return (
    <div role="group" aria-labelledby="calendar" className="no-print flex flex-col gap-2 border-t border-line pt-4">
      <p id="calendar" className="flex items-center gap-3 font-medium">
        <CalendarPlus aria-hidden className="size-5 text-accent" />
        {t('calendar.add')}
      </p>
      <div className="grid grid-cols-2 gap-2">
        <CalendarButtons entry={entry} look="secondary" className="px-2 text-sm" />
      </div>
    </div>
  );
}

