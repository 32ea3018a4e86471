/** A booking in short. The whole card leads to it; what is to be done next has a link of its own. */
import { MapPin, Star, Ticket, Video } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { DateTile, hasBegun } from '../../ui/event_card';
import { EventTime } from '../../ui/event_facts';
import { Badge, type Tone } from '../../ui/page';
import { TimeLeft } from './hold';
import type { Booking } from './queries';

const TONES: Record<Booking['status'], Tone> = { pending: 'warn', confirmed: 'good', completed: 'brand', cancelled: 'bad', expired: 'plain' };

export function StatusBadge({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const now = booking.status === 'confirmed' && hasBegun(booking.event);
  return <Badge tone={TONES[booking.status]}>{now ? t('status.now') : t(`common:status.${booking.status}`)}</Badge>;
}

const actionClass = 'relative z-10 inline-flex min-h-9 items-center gap-1.5 rounded font-semibold text-brand underline underline-offset-4';

function Next({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const of = <span className="sr-only">: {booking.event.title}</span>;
  if (booking.status === 'pending')
    return (
      <Link to={`/app/bookings/${booking.id}`} className={actionClass}>
        {t('card.pay')}
        {of}
      </Link>
    );
  if (booking.status === 'confirmed')
    return (
      <Link to={`/app/bookings/${booking.id}/ticket`} className={actionClass}>
        <Ticket aria-hidden className="size-5" />
        {t('card.ticket')}
        {of}
      </Link>
    );
  if (booking.status === 'completed')
    return (
      <Link to={`/app/events/${booking.event_id}#reviews`} className={actionClass}>
        <Star aria-hidden className="size-5" />
        {t('card.review')}
        {of}
      </Link>
    );
  return null;
}

export function BookingCard({ booking, level = 2 }: { booking: Booking; level?: 2 | 3 }) {
  const { t } = useTranslation('bookings');
  const { event } = booking;
  const Heading = `h${level}` as const;
  return (
    <article className="relative flex min-w-0 gap-4 rounded-2xl border border-line bg-surface p-4 transition-colors hover:border-brand sm:p-5">
      <DateTile event={event} />
      <div className="flex min-w-0 flex-1 flex-col gap-1.5">
        <Heading className="text-lg leading-snug font-semibold break-words" dir="auto">
          <Link
            to={`/app/bookings/${booking.id}`}
            className="after:absolute after:inset-0 after:rounded-2xl focus-visible:outline-none focus-visible:after:outline-3 focus-visible:after:outline-offset-2 focus-visible:after:outline-accent"
          >
            {event.title}
          </Link>
        </Heading>
        <p className="text-muted">
          <span className="sr-only">{t('public:when')} </span>
          <EventTime event={event} />
        </p>
        <p className="flex items-start gap-1.5 text-muted">
          {event.location ? <MapPin aria-hidden className="mt-1 size-4 shrink-0" /> : <Video aria-hidden className="mt-1 size-4 shrink-0" />}
          <span className="min-w-0 break-words" dir="auto">{event.location ?? t('common:online')}</span>
        </p>
        <div className="mt-auto flex flex-wrap items-center justify-between gap-x-4 gap-y-1 pt-1">
          <span className="flex flex-wrap items-center gap-2">
            <StatusBadge booking={booking} />
            {booking.status === 'pending' && booking.hold_expires_at && <TimeLeft until={booking.hold_expires_at} />}
          </span>
          <Next booking={booking} />
        </div>
      </div>
    </article>
  );
}
