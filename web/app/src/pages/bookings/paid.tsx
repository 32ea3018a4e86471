/** Who comes back from the payment provider's page: what has become of the payment, until it is known. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { EventTime } from '../../ui/event_facts';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Loading } from '../../ui/skeleton';
import { BookingState } from './booking_state';
import { useNow } from './countdown';
import { lookAgain, outcomeOf } from './outcome';
import { type Booking, useBooking, useChanged } from './queries';

/** Bookings are paid soon after they were made, so it is among the newest. */
const NEWEST = 100;

export function Paid({ reference }: { reference: string }) {
  const { t } = useTranslation('bookings');
  const { data, error, refetch } = useQuery({
    queryKey: ['bookings', 'reference', reference],
    queryFn: async ({ signal }) => {
      const { bookings } = await call(api.GET('/bookings', { params: { query: { sort: '-created', limit: NEWEST } }, signal }));
      return bookings.find((booking) => booking.booking_reference === reference) ?? null;
    },
    staleTime: Infinity,
  });
  if (error) return <ErrorNotice error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading count={1} className="h-48 w-full rounded-2xl" />;
  if (data === null)
    return (
      <Notice kind="warn" title={t('paid.unknown', { reference })}>
        <p>{t('paid.unknownText')}</p>
      </Notice>
    );
  return <Followed found={data} />;
}

function Followed({ found }: { found: Booking }) {
  const { t } = useTranslation('bookings');
  const since = useRef(Date.now());
  const watchedMs = useNow() - since.current;
  const changed = useChanged();
  const { data: booking = found, error, refetch } = useBooking(found.id, (seen) => lookAgain(seen, Date.now() - since.current));
  const outcome = outcomeOf(booking);
  const before = useRef(outcome);
  useEffect(() => {
    if (before.current !== outcome) changed();
    before.current = outcome;
  }, [outcome, changed]);
  return (
    <section aria-label={t('paid.label')} className="flex flex-col gap-3">
      <p className="text-lg">
        <span className="font-semibold" dir="auto">{booking.event.title}</span>
        <span className="text-muted"> · <EventTime event={booking.event} /></span>
      </p>
      <BookingState booking={booking} watchedMs={watchedMs} />
      {error && <ErrorNotice error={error} onRetry={() => void refetch()} />}
    </section>
  );
}
