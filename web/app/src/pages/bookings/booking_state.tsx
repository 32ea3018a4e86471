/** What a booking has come to, and what to do next: the same wherever it is shown. */
import { useQuery } from '@tanstack/react-query';
import { Ticket } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { ButtonLink, Spinner } from '../../ui/button';
import { hasBegun } from '../../ui/event_card';
import { Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { EventAction } from '../public/event_action';
import { eventQuery } from '../public/queries';
import { BookingCalendar } from './booking_calendar';
import { HoldCountdown } from './hold';
import { outcomeOf } from './outcome';
import { Pay } from './pay';
import { type Booking, NO_BOOKING } from './queries';

/** A payment is usually confirmed within seconds; whoever has waited so long is told that it may take a while. */
const PATIENCE_MS = 30_000;

type Props = {
  booking: Booking;
  /** For how long somebody who comes from paying has been waiting. */
  watchedMs?: number | null;
  /** It has just been made here: the way on from it is offered. */
  fresh?: boolean;
};

export function BookingState({ booking, watchedMs = null, fresh = false }: Props) {
  switch (outcomeOf(booking)) {
    case 'toPay':
      return watchedMs === null ? <ToPay booking={booking} /> : <Watching booking={booking} watchedMs={watchedMs} />;
    case 'declined':
      return <Declined booking={booking} />;
    case 'confirmed':
      return <Confirmed booking={booking} fresh={fresh || watchedMs !== null} />;
    case 'attended':
      return null;
    case 'unpaid':
      return <Unpaid booking={booking} watching={watchedMs !== null} />;
    case 'late':
      return <Late booking={booking} />;
    case 'cancelled':
      return <Cancelled booking={booking} />;
  }
}

function ToPay({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  return (
    <Card title={t('hold.title')}>
      <Held booking={booking} label="pay.now" />
      <p className="text-muted">{t('hold.text')}</p>
    </Card>
  );
}

function Held({ booking, label, quiet = false }: { booking: Booking; label: 'pay.now' | 'pay.again' | 'pay.notYet'; quiet?: boolean }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const price = format.money(booking.price, booking.currency);
  const pay = (
    <div className="flex flex-col items-stretch gap-3 sm:items-start">
      <Pay booking={booking} label={t(label, { price })} look={quiet ? 'secondary' : 'primary'} />
    </div>
  );
  if (!booking.hold_expires_at) return pay;
  return (
    <HoldCountdown from={booking.created_at} until={booking.hold_expires_at}>
      {pay}
    </HoldCountdown>
  );
}

function Watching({ booking, watchedMs }: { booking: Booking; watchedMs: number }) {
  const { t } = useTranslation('bookings');
  const { profile } = useSession();
  const slow = watchedMs > PATIENCE_MS;
  return (
    <Card title={t('paid.watching')}>
      <div role="status" className="flex items-start gap-3">
        <span className="mt-1 shrink-0 text-brand"><Spinner /></span>
        <p>{slow ? t('paid.slow', { email: profile?.email ?? '' }) : t('paid.watchingText')}</p>
      </div>
      {/* Who has closed the payment page without paying comes back here as well. */}
      <div className="flex flex-col gap-3 border-t border-line pt-4">
        <p className="font-semibold">{t('paid.notPaid')}</p>
        <Held booking={booking} label="pay.notYet" quiet />
      </div>
    </Card>
  );
}

function Declined({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  return (
    <Card title={t('declined.title')}>
      <Notice kind="bad" role="alert">
        <p>{t('declined.text')}</p>
      </Notice>
      <Held booking={booking} label="pay.again" />
    </Card>
  );
}

function Confirmed({ booking, fresh }: { booking: Booking; fresh: boolean }) {
  const { t } = useTranslation('bookings');
  const { profile } = useSession();
  if (!fresh) return hasBegun(booking.event) ? null : <Notice kind="good" title={t('confirmed.yours')} />;
  return (
    <Card title={t('confirmed.title')}>
      <Notice kind="good" role="status" title={t('confirmed.yours')}>
        <p>{t('confirmed.text', { email: profile?.email ?? '' })}</p>
      </Notice>
      <div className="flex flex-wrap gap-2">
        <ButtonLink to={`/app/bookings/${booking.id}/ticket`}>
          <Ticket aria-hidden className="size-5" />
          {t('ticket.show')}
        </ButtonLink>
        <ButtonLink to={`/app/bookings/${booking.id}`} look="secondary">{t('booking.see')}</ButtonLink>
      </div>
      <BookingCalendar booking={booking} />
    </Card>
  );
}

/** Expired. Money that is on its way still gets the place if it is free, and goes back otherwise. */
function Unpaid({ booking, watching }: { booking: Booking; watching: boolean }) {
  const { t } = useTranslation('bookings');
  return (
    <Card title={t('unpaid.title')}>
      <p>{t('unpaid.text')}</p>
      <Notice>
        <div className="flex items-start gap-3" role={watching ? 'status' : undefined}>
          {watching && <span className="mt-1 shrink-0"><Spinner /></span>}
          <p>{t('unpaid.ifPaid')}</p>
        </div>
      </Notice>
      <OnceMore booking={booking} />
    </Card>
  );
}

function Late({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  return (
    <Card title={t('late.title')}>
      <p>{t('late.text')}</p>
      <RefundNotice booking={booking} />
      <OnceMore booking={booking} />
    </Card>
  );
}

function Cancelled({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const byHost = booking.event.status === 'cancelled';
  return (
    <Card title={t(byHost ? 'cancelled.eventTitle' : 'cancelled.title')}>
      <p>
        {byHost && `${t('cancelled.eventText')} `}
        {booking.cancelled_at && t('cancelled.when', { time: format.dayAndTime(booking.cancelled_at) })}
      </p>
      {booking.refund ? <RefundNotice booking={booking} /> : booking.price > 0 && <p className="text-muted">{t('cancelled.noRefund')}</p>}
      <OnceMore booking={booking} />
    </Card>
  );
}

/** How the money that goes back is doing. */
export function RefundNotice({ booking: { refund } }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  if (!refund) return null;
  const amount = format.money(refund.amount, refund.currency);
  if (refund.status === 'processed')
    return (
      <Notice kind="good" role="status" title={t('refund.processed', { amount })}>
        <p>{t('refund.processedText')}</p>
      </Notice>
    );
  if (refund.status === 'failed')
    return (
      <Notice kind="warn" role="status" title={t('refund.failed', { amount })}>
        <p>{t('refund.failedText')}</p>
      </Notice>
    );
  return (
    <Notice role="status" title={t('refund.pending', { amount })}>
      <p>{t('refund.pendingText')}</p>
    </Notice>
  );
}

/** Where the event still lies ahead: a place of it, or one in line. */
function OnceMore({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const { data: event } = useQuery({ ...eventQuery(booking.event_id), enabled: !hasBegun(booking.event) && booking.event.status === 'active' });
  const open = event && event.is_active && !hasBegun(event);
  return (
    <div className="flex flex-col items-start gap-2">
      {open && <EventAction event={event} places={event} own={NO_BOOKING} />}
      <ButtonLink to="/app/events" look="secondary">{t('browse')}</ButtonLink>
    </div>
  );
}
