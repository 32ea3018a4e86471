/** One booking: how it stands, all that belongs to it, and what can be done. */
import { Printer, ReceiptText, Star, Ticket } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { hasBegun } from '../../ui/event_card';
import { EventFacts } from '../../ui/event_facts';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { StatusBadge } from './booking_card';
import { BookingState, RefundNotice } from './booking_state';
import { BookingCalendar } from './booking_calendar';
import { CancelDialog } from './cancel_dialog';
import { lookAgain, outcomeOf } from './outcome';
import { type Booking, isUnknown, useBooking } from './queries';

export default function BookingPage() {
  const { t } = useTranslation('bookings');
  const { data: booking, error, refetch } = useBooking(Number(useParams().bookingId), (seen) => lookAgain(seen, null));
  if (booking) return <Shown booking={booking} />;
  return (
    <Page title={t('booking.title')}>
      {!error && <Loading className="h-40 w-full rounded-2xl" />}
      {error && !isUnknown(error) && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {error && isUnknown(error) && <UnknownBooking />}
    </Page>
  );
}

export function UnknownBooking() {
  const { t } = useTranslation('bookings');
  return (
    <Empty title={t('booking.unknown')} action={<ButtonLink to="/app/bookings">{t('list.title')}</ButtonLink>}>
      {t('booking.unknownText')}
    </Empty>
  );
}

function Shown({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const { profile } = useSession();
  const { event } = booking;
  const mine = profile?.id === booking.user.id;
  const stands = booking.status === 'confirmed' || booking.status === 'completed';
  const lead = (
    <span className="flex flex-wrap items-center gap-x-3 gap-y-1 text-base">
      <StatusBadge booking={booking} />
      <span>
        {t('booking.number')} <span className="font-mono select-all">{booking.booking_reference}</span>
      </span>
    </span>
  );
  return (
    <Page title={event.title} lead={lead} wide>
      {!mine && (
        <Notice title={t('booking.ofOther', { name: booking.user.name })}>
          <Link to={`/app/host/events/${booking.event_id}`} className="self-start py-1 font-medium text-brand underline underline-offset-4">
            {t('booking.toHost')}
          </Link>
        </Notice>
      )}
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="flex min-w-0 flex-col gap-6">
          {mine && <BookingState booking={booking} />}
          {stands && <RefundNotice booking={booking} />}
          {mine && <Actions booking={booking} />}
          <Details booking={booking} />
        </div>
        <Card title={t('booking.event')}>
          <EventFacts event={event} joinable={stands && mine} />
          <Link to={`/app/events/${event.id}`} className="self-start py-1 font-medium text-brand underline underline-offset-4">{t('booking.toEvent')}</Link>
          {mine && booking.status === 'confirmed' && !hasBegun(event) && (
            <div className="border-t border-line pt-3">
              <BookingCalendar booking={booking} />
            </div>
          )}
        </Card>
      </div>
    </Page>
  );
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-4 py-3 sm:grid-cols-[11rem_minmax(0,1fr)]">
      <dt className="text-muted">{label}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  );
}

function Details({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const priced = booking.price > 0;
  return (
    <Card title={t('booking.details')}>
      <dl className="-my-3 flex flex-col divide-y divide-line">
        <Row label={t('booking.for')}>
          <span dir="auto">{booking.user.name}</span> <span className="text-muted">· {booking.user.email}</span>
        </Row>
        <Row label={t('booking.made')}>{format.dayAndTime(booking.created_at)}</Row>
        <Row label={t('booking.price')}>
          {priced ? format.money(booking.price, booking.currency) : t('common:free')}
          {priced && <span className="text-muted"> · {t(`payment.${booking.payment_status}`)}</span>}
        </Row>
        {booking.notes && (
          <Row label={t('booking.notes')}>
            <span dir="auto" className="whitespace-pre-line">{booking.notes}</span>
          </Row>
        )}
        {booking.checked_in_at && <Row label={t('booking.checkedIn')}>{format.dayAndTime(booking.checked_in_at)}</Row>}
      </dl>
    </Card>
  );
}

const PAID: readonly Booking['payment_status'][] = ['completed', 'partially_refunded', 'refunded'];

function Actions({ booking }: { booking: Booking }) {
  const { t } = useTranslation('bookings');
  const [cancelling, setCancelling] = useState(false);
  const outcome = outcomeOf(booking);
  const begun = hasBegun(booking.event);
  const cancellable = !begun && (booking.status === 'pending' || booking.status === 'confirmed');
  return (
    <div className="no-print flex flex-wrap gap-2">
      {outcome === 'confirmed' && (
        <ButtonLink to={`/app/bookings/${booking.id}/ticket`}>
          <Ticket aria-hidden className="size-5" />
          {t('ticket.show')}
        </ButtonLink>
      )}
      {begun && (outcome === 'confirmed' || outcome === 'attended') && (
        <ButtonLink to={`/app/events/${booking.event_id}#reviews`} look="secondary">
          <Star aria-hidden className="size-5" />
          {t('booking.review')}
        </ButtonLink>
      )}
      {booking.price > 0 && PAID.includes(booking.payment_status) && (
        <ButtonLink to={`/app/bookings/${booking.id}/receipt`} look="secondary">
          <ReceiptText aria-hidden className="size-5" />
          {t('receipt.show')}
        </ButtonLink>
      )}
      {cancellable && (
        <Button look="danger" onClick={() => setCancelling(true)}>
          {t(booking.status === 'pending' ? 'cancel.giveUp' : 'cancel.button')}
        </Button>
      )}
      <CancelDialog booking={booking} open={cancelling} onClose={() => setCancelling(false)} />
    </div>
  );
}

export function PrintButton() {
  const { t } = useTranslation('bookings');
  return (
    <Button look="secondary" onClick={() => window.print()}>
      <Printer aria-hidden className="size-5" />
      {t('print')}
    </Button>
  );
}
