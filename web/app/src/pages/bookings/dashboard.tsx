/** Where one comes in: what is next, what waits, and the ways on. */
import { useQuery } from '@tanstack/react-query';
import { BellRing, CalendarDays, LayoutDashboard, type LucideIcon, Search, Settings, ShieldAlert, Star, Ticket } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { secondFactorIsDue } from '../../session/flag';
import { useSession } from '../../session/session';
import { ButtonLink } from '../../ui/button';
import { DateTile } from '../../ui/event_card';
import { EventFacts, EventTime } from '../../ui/event_facts';
import { Moon } from '../../ui/moon';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { VerifyBanner } from '../account/verify_banner';
import { useInbox } from '../host/live';
import { BookingCard } from './booking_card';
import { BookingCalendar } from './booking_calendar';
import { daysUntil, useNow } from './countdown';
import { type Booking, useFirstBookings, useWaitlist } from './queries';
import { Offer } from './waiting_list';

const NEXT = 3;
const RECENT_MS = 60 * 86_400_000;
const HOST_EVENTS = 3;

export default function Dashboard() {
  const { t } = useTranslation('bookings');
  const { profile, isFacilitator } = useSession();
  const given = profile?.name.trim().split(/\s+/)[0] ?? '';
  return (
    <Page title={t('home.greeting', { name: given })} lead={<Today />} wide>
      <VerifyBanner />
      {secondFactorIsDue() && (
        <Notice kind="warn" title={t('common:factorDue.title')}>
          <p>{t('common:factorDue.text')}</p>
          <ButtonLink to="/app/profile/security" look="secondary" className="mt-2 self-start">
            <ShieldAlert aria-hidden className="size-5" />
            {t('common:factorDue.go')}
          </ButtonLink>
        </Notice>
      )}
      <Waits />
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="flex min-w-0 flex-col gap-8">
          <Ahead />
          {isFacilitator && <Hosting />}
          <ToReview />
        </div>
        <Shortcuts />
      </div>
    </Page>
  );
}

function Today() {
  const format = useFormat();
  const now = useNow(60_000);
  return (
    <span className="flex items-center gap-2">
      <Moon at={now} className="size-5 text-accent" />
      {format.date(now, undefined, { weekday: 'long', day: 'numeric', month: 'long' })}
    </span>
  );
}

/** What will be lost if nobody looks: places that are held, places that are kept. */
function Waits() {
  const { t } = useTranslation('bookings');
  const { data: pending } = useFirstBookings({ status: 'pending', sort: 'created' });
  const { entries } = useWaitlist();
  const offers = entries?.filter(({ state }) => state === 'offered') ?? [];
  if (!pending?.length && offers.length === 0) return null;
  return (
    <section aria-labelledby="waits" className="flex flex-col gap-4">
      <h2 id="waits" className="text-2xl font-semibold">{t('home.waits')}</h2>
      {offers.map((entry) => <Offer key={entry.id} entry={entry} />)}
      {pending?.map((booking) => <BookingCard key={booking.id} booking={booking} level={3} />)}
    </section>
  );
}

/** Today in three hours; tomorrow; in 12 days. */
function useCountdown(): (start: string) => string {
  const { t, i18n } = useTranslation('bookings');
  const format = useFormat();
  const now = useNow(60_000);
  return (start) => {
    if (Date.parse(start) <= now) return t('status.now');
    const days = daysUntil(start, now);
    return days === 0 ? format.relative(start, now) : new Intl.RelativeTimeFormat(i18n.language, { numeric: 'auto' }).format(days, 'day');
  };
}

function Ahead() {
  const { t } = useTranslation('bookings');
  const { data, error, refetch } = useFirstBookings({ status: 'confirmed', sort: 'start', limit: NEXT });
  if (error) return <ErrorNotice error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading count={1} className="h-56 w-full rounded-2xl" />;
  const [next, ...then] = data;
  if (!next)
    return (
      <Empty title={t('home.nothing')} action={<ButtonLink to="/app/events">{t('browse')}</ButtonLink>}>
        {t('home.nothingText')}
      </Empty>
    );
  return (
    <section aria-labelledby="next" className="flex flex-col gap-4">
      <h2 id="next" className="text-2xl font-semibold">{t('home.next')}</h2>
      <NextBooking booking={next} />
      {then.map((booking) => <BookingCard key={booking.id} booking={booking} level={3} />)}
      <Link to="/app/bookings" className="self-start py-1 font-medium text-brand underline underline-offset-4">{t('home.all')}</Link>
    </section>
  );
}

function NextBooking({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const countdown = useCountdown();
  return (
    <article className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5 sm:p-6">
      <p className="font-display text-3xl font-semibold text-accent first-letter:uppercase">{countdown(booking.event.start_datetime)}</p>
      <h3 className="text-xl font-semibold break-words" dir="auto">
        <Link to={`/app/bookings/${booking.id}`} className="hover:underline">{booking.event.title}</Link>
      </h3>
      <EventFacts event={booking.event} joinable />
      <div className="flex flex-wrap items-center gap-2 border-t border-line pt-4">
        <ButtonLink to={`/app/bookings/${booking.id}/ticket`}>
          <Ticket aria-hidden className="size-5" />
          {t('ticket.show')}
        </ButtonLink>
        <ButtonLink to={`/app/bookings/${booking.id}`} look="secondary">{t('booking.see')}</ButtonLink>
        <BookingCalendar booking={booking} />
      </div>
    </article>
  );
}

/** Past bookings of late that have no review of the reader's yet. */
function ToReview() {
  const { t } = useTranslation('bookings');
  const { data } = useFirstBookings({ status: 'completed', sort: '-start', limit: NEXT });
  const recent = data?.filter(({ event }) => Date.parse(event.start_datetime) > Date.now() - RECENT_MS) ?? [];
  const { data: open } = useQuery({
    queryKey: ['reviews', 'missing', recent.map(({ event_id: id }) => id)],
    queryFn: ({ signal }) =>
      Promise.all(
        recent.map(async (booking) => {
          const page = await call(api.GET('/events/{event_id}/reviews', { params: { path: { event_id: booking.event_id }, query: { limit: 1 } }, signal }));
          return page.own ? null : booking;
        }),
      ),
    enabled: recent.length > 0,
  });
  const missing = open?.filter((booking) => booking !== null) ?? [];
  if (missing.length === 0) return null;
  return (
    <section aria-labelledby="review" className="flex flex-col gap-4">
      <h2 id="review" className="text-2xl font-semibold">{t('home.review')}</h2>
      <ul className="flex flex-col divide-y divide-line rounded-2xl border border-line bg-surface px-5">
        {missing.map((booking) => (
          <li key={booking.id} className="flex flex-wrap items-center justify-between gap-3 py-4">
            <div className="min-w-0">
              <p className="font-semibold break-words" dir="auto">{booking.event.title}</p>
              <p className="text-sm text-muted"><EventTime event={booking.event} /></p>
            </div>
            <ButtonLink to={`/app/events/${booking.event_id}#reviews`} look="secondary">
              <Star aria-hidden className="size-5" />
              {t('home.rate')}
              <span className="sr-only">: {booking.event.title}</span>
            </ButtonLink>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Hosting() {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const { data, error, refetch } = useQuery({
    queryKey: ['host', 'next'],
    queryFn: async ({ signal }) => {
      const query = { from: new Date().toISOString(), active: true, sort: 'start', limit: HOST_EVENTS } as const;
      return (await call(api.GET('/facilitator/events', { params: { query }, signal }))).events;
    },
    enabled: !secondFactorIsDue(),
  });
  if (secondFactorIsDue()) return null;
  return (
    <section aria-labelledby="hosting" className="flex flex-col gap-4">
      <h2 id="hosting" className="text-2xl font-semibold">{t('home.hosting')}</h2>
      {error && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading count={1} className="h-28 w-full rounded-2xl" />}
      {data?.length === 0 && (
        <Empty title={t('home.noEvents')} action={<ButtonLink to="/app/host/events/new">{t('home.newEvent')}</ButtonLink>} />
      )}
      {data?.map((event) => (
        <article key={event.id} className="relative flex gap-4 rounded-2xl border border-line bg-surface p-4 hover:border-brand sm:p-5">
          <DateTile event={event} />
          <div className="flex min-w-0 flex-col gap-1">
            <h3 className="text-lg leading-snug font-semibold break-words" dir="auto">
              <Link to={`/app/host/events/${event.id}`} className="after:absolute after:inset-0 after:rounded-2xl">{event.title}</Link>
            </h3>
            <p className="text-muted"><EventTime event={event} /></p>
            <p className="font-medium">
              {event.max_participants === null
                ? t('home.taken', { count: event.current_participants })
                : t('public:places.of', { taken: format.number(event.current_participants), count: event.max_participants })}
            </p>
          </div>
        </article>
      ))}
    </section>
  );
}

function Shortcuts() {
  const { t } = useTranslation('bookings');
  const { isFacilitator, isAdmin } = useSession();
  return (
    <Card title={t('home.ways')}>
      <ul className="-my-2 flex flex-col">
        <Way to="/app/events" Icon={Search}>{t('browse')}</Way>
        <Way to="/app/bookings" Icon={Ticket}>{t('list.title')}</Way>
        {isFacilitator && <InboxWay />}
        {isFacilitator && <Way to="/app/host/events" Icon={CalendarDays}>{t('home.ownEvents')}</Way>}
        {isAdmin && <Way to="/app/admin" Icon={LayoutDashboard}>{t('common:nav.admin')}</Way>}
        <Way to="/app/profile" Icon={Settings}>{t('common:nav.profile')}</Way>
      </ul>
    </Card>
  );
}

function InboxWay() {
  const { t } = useTranslation('bookings');
  const unread = useInbox().data?.pages[0]?.unread_count ?? 0;
  return <Way to="/app/host/inbox" Icon={BellRing}>{unread > 0 ? t('home.unread', { count: unread }) : t('home.inbox')}</Way>;
}

function Way({ to, Icon, children }: { to: string; Icon: LucideIcon; children: string }) {
  return (
    <li>
      <Link to={to} className="flex min-h-11 items-center gap-3 rounded-lg py-2 font-medium hover:text-brand hover:underline">
        <Icon aria-hidden className="size-5 shrink-0 text-accent" />
        {children}
      </Link>
    </li>
  );
}
