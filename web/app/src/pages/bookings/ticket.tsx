/** What one shows at the door, on a phone or on paper. */
import { CircleCheck } from 'lucide-react';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { useFormat } from '../../i18n/format';
import { ButtonLink } from '../../ui/button';
import { EventFacts } from '../../ui/event_facts';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { QrCode } from '../../ui/qr';
import { Skeleton } from '../../ui/skeleton';
import { PrintButton, UnknownBooking } from './booking';
import { type Booking, isUnknown, useBooking } from './queries';

/** While the ticket is shown its scanning may happen at any time. */
const LOOK_MS = 10_000;

export default function TicketPage() {
  const { t } = useTranslation('bookings');
  const id = Number(useParams().bookingId);
  const { data: booking, error, refetch } = useBooking(id, (seen) => (seen.status === 'confirmed' && !seen.checked_in_at ? LOOK_MS : false));
  const ticket = booking?.ticket;
  useScreenOn(!!ticket);
  return (
    <Page title={t('ticket.title')} actions={ticket && <PrintButton />}>
      {!booking && !error && <Skeleton className="h-[36rem] w-full rounded-2xl" />}
      {error && !booking && (isUnknown(error) ? <UnknownBooking /> : <ErrorNotice error={error} onRetry={() => void refetch()} />)}
      {booking && ticket && <Ticket booking={booking} code={ticket} />}
      {booking && !ticket && (
        <Empty title={t('ticket.none')} action={<ButtonLink to={`/app/bookings/${booking.id}`}>{t('booking.see')}</ButtonLink>}>
          {t('ticket.noneText')}
        </Empty>
      )}
    </Page>
  );
}

function Ticket({ booking, code }: { booking: Booking; code: string }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  return (
    <>
      {booking.checked_in_at && <Notice kind="good" role="status" title={t('ticket.checkedIn', { time: format.dayAndTime(booking.checked_in_at) })} />}
      <article className="flex break-inside-avoid flex-col overflow-hidden rounded-2xl border border-line bg-surface md:flex-row print:flex-row">
        <div className="flex shrink-0 flex-col items-center gap-3 border-line bg-white px-3 pt-3 pb-5 text-black max-md:border-b max-md:border-dashed md:border-e md:border-dashed">
          <QrCode text={code} label={t('ticket.qr')} className="w-full max-w-80 md:w-72" />
          <p className="text-center font-mono text-lg font-semibold tracking-wide select-all">
            <span className="sr-only">{t('ticket.code')} </span>
            {code}
          </p>
        </div>
        <div className="flex min-w-0 flex-1 flex-col gap-5 p-5 sm:p-6">
          <h2 className="text-2xl font-semibold break-words" dir="auto">{booking.event.title}</h2>
          <EventFacts event={booking.event} joinable />
          <dl className="mt-auto grid grid-cols-1 gap-3 border-t border-line pt-4 sm:grid-cols-2">
            <div>
              <dt className="text-sm text-muted">{t('ticket.name')}</dt>
              <dd className="text-lg font-semibold break-words" dir="auto">{booking.user.name}</dd>
            </div>
            <div>
              <dt className="text-sm text-muted">{t('booking.number')}</dt>
              <dd className="font-mono break-all">{booking.booking_reference}</dd>
            </div>
          </dl>
        </div>
      </article>
      {!booking.checked_in_at && (
        <p className="flex items-start gap-2 text-muted">
          <CircleCheck aria-hidden className="mt-0.5 size-5 shrink-0 text-good print:text-black" />
          {t('ticket.hint')}
        </p>
      )}
      <ButtonLink to={`/app/bookings/${booking.id}`} look="quiet" className="no-print self-start">{t('booking.see')}</ButtonLink>
    </>
  );
}

/** At the door a phone should not go dark. Where it cannot be asked to, it just does. */
function useScreenOn(wanted: boolean) {
  useEffect(() => {
    if (!wanted || !('wakeLock' in navigator)) return undefined;
    const lock = navigator.wakeLock.request('screen').catch(() => null);
    return () => void lock.then((held) => held?.release());
  }, [wanted]);
}
