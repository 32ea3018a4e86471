/** Booking a place: what it is, one field, one button, and then what has become of it. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { setFieldErrors, useErrorSentence } from '../../ui/errors';
import { type Event, hasBegun, Price } from '../../ui/event_card';
import { EventFacts } from '../../ui/event_facts';
import { TextArea } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { VerifyBanner } from '../account/verify_banner';
import { EventAction } from '../public/event_action';
import { CancellationPolicy } from '../public/policy_words';
import { eventQuery } from '../public/queries';
import { useOwnBooking } from '../public/use_own_booking';
import { BookingState } from './booking_state';
import { lookAgain } from './outcome';
import { type Booking, isUnknown, NO_BOOKING, useBooking, useChanged, useOffer } from './queries';

const LONGEST = 2000;

export default function Book() {
  const { t } = useTranslation('bookings');
  const { data: event, error, refetch } = useQuery(eventQuery(Number(useParams().eventId)));
  return (
    <Page title={t('book.title')}>
      {error && !isUnknown(error) && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {error && isUnknown(error) && (
        <Empty title={t('public:event.unknown')} action={<ButtonLink to="/app/events">{t('browse')}</ButtonLink>}>
          {t('public:event.unknownText')}
        </Empty>
      )}
      {!event && !error && <Loading className="h-40 w-full rounded-2xl" />}
      {event && <BookEvent event={event} />}
    </Page>
  );
}

/** What was booked here stays shown, whatever becomes of it; a booking that was there before is shown instead of the form. */
function BookEvent({ event }: { event: Event }) {
  const own = useOwnBooking(event);
  const [made, setMade] = useState<Booking | null>(null);
  const booking = made ?? own.booking;
  return (
    <>
      {booking ? <Result booking={booking} fresh={made !== null} /> : null}
      <Summary event={event} booked={booking?.status === 'confirmed'} />
      {!booking && (own.known ? <BookForm event={event} onBooked={setMade} /> : <Loading count={1} className="h-48 w-full rounded-2xl" />)}
    </>
  );
}

function Result({ booking: made, fresh }: { booking: Booking; fresh: boolean }) {
  const { t } = useTranslation('bookings');
  const { data: booking = made } = useBooking(made.id, (seen) => lookAgain(seen, null));
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (fresh) box.current?.focus(); // the button that was pressed is gone
  }, [fresh]);
  return (
    <div ref={box} tabIndex={-1} className="flex flex-col gap-6 outline-none">
      {fresh || booking.status === 'pending' ? (
        <BookingState booking={booking} fresh={fresh} />
      ) : (
        <Notice kind="good" title={t('book.already')}>
          <Link to={`/app/bookings/${booking.id}`} className="self-start py-1 font-medium text-brand underline underline-offset-4">{t('booking.see')}</Link>
        </Notice>
      )}
    </div>
  );
}

function Summary({ event, booked }: { event: Event; booked: boolean }) {
  const { t } = useTranslation('bookings');
  return (
    <Card
      title={
        <Link to={`/app/events/${event.id}`} lang={event.language ?? undefined} dir="auto" className="hover:underline">
          {event.title}
        </Link>
      }
      actions={<span className="text-xl font-semibold"><Price event={event} /></span>}
    >
      <EventFacts event={event} joinable={booked} />
      {event.cancellation_policy && !booked && (
        <div className="border-t border-line pt-4">
          <h3 className="mb-2 font-semibold">{t('public:policy.title')}</h3>
          <CancellationPolicy tiers={event.cancellation_policy} event={event} />
        </div>
      )}
    </Card>
  );
}

function BookForm({ event, onBooked }: { event: Event; onBooked: (booking: Booking) => void }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const changed = useChanged();
  const { profile } = useSession();
  const full = event.available_spots !== null && event.available_spots <= 0;
  const offeredUntil = useOffer(event.id, full);
  const { register, handleSubmit, watch, setError, formState: { errors } } = useForm<{ notes: string }>({ defaultValues: { notes: '' } });
  const send = ({ notes }: { notes: string }, headers: { 'Idempotency-Key': string }) =>
    call(api.POST('/bookings', { body: { event_id: event.id, notes: notes.trim() || null }, headers }));
  const book = useCommand(send, {
    onSuccess: ({ booking }) => {
      changed(booking);
      onBooked(booking);
    },
    onError: (error) => {
      setFieldErrors<{ notes: string }>(error, ['notes'], setError);
      if (error instanceof ApiError && error.status > 0 && error.status < 500) changed(); // what we knew of the event or of our bookings is out of date
    },
  });
  if (event.status === 'cancelled' || hasBegun(event) || !event.is_active) return <NotOpen event={event} />;
  if (full && !offeredUntil && !book.error)
    return (
      <Card title={t('book.full')}>
        <p>{t('book.fullText')}</p>
        <div className="flex flex-col items-start gap-2">
          <EventAction event={event} places={event} own={NO_BOOKING} />
        </div>
      </Card>
    );
  const priced = event.price > 0;
  const refusedAs = book.error instanceof ApiError ? book.error.code : null;
  return (
    <Card title={t('book.yours')}>
      <VerifyBanner />
      {offeredUntil && <Notice kind="good" title={t('public:waitlist.offered', { time: format.dayAndTime(offeredUntil) })} />}
      <form noValidate onSubmit={handleSubmit((values) => book.mutate(values))} className="flex flex-col gap-4">
        <p>
          <span className="text-muted">{t('book.for')}</span> <span className="font-medium" dir="auto">{profile?.name}</span>
          <span className="text-muted"> · {profile?.email}</span>
        </p>
        <TextArea
          optional
          label={t('book.notes')}
          hint={t('book.notesHint', { left: format.number(LONGEST - watch('notes').length) })}
          error={errors.notes?.message}
          maxLength={LONGEST}
          rows={3}
          {...register('notes')}
        />
        <Refusal event={event} error={book.error} />
        <Button type="submit" look={refusedAs === 'event_full' ? 'secondary' : 'primary'} busy={book.isPending} className="w-full sm:w-auto sm:self-start">
          {priced ? t('book.priced', { price: format.money(event.price, event.currency) }) : t('book.free')}
        </Button>
        <p className="text-sm text-muted">{t(priced ? 'book.pricedHint' : 'book.freeHint')}</p>
      </form>
    </Card>
  );
}

function NotOpen({ event }: { event: Event }) {
  const { t } = useTranslation('bookings');
  const [title, text] =
    event.status === 'cancelled' ? [t('public:state.cancelled'), t('public:event.cancelledText')]
    : hasBegun(event) ? [t('public:state.begun'), t('public:event.begunText')]
    : [t('public:state.closed'), t('public:event.closedText')];
  return (
    <Notice kind="warn" title={title}>
      <p>{text}</p>
      <ButtonLink to="/app/events" look="secondary" className="mt-2 self-start">{t('public:event.others')}</ButtonLink>
    </Notice>
  );
}

/** Why not, and what to do instead. */
function Refusal({ event, error }: { event: Event; error: unknown }) {
  const { t } = useTranslation('bookings');
  const sentence = useErrorSentence();
  const code = error instanceof ApiError ? error.code : null;
  if (code === 'event_full')
    return (
      <Notice kind="warn" role="alert" title={t('book.justGone')}>
        <p>{t('book.fullText')}</p>
        <div className="mt-2 flex flex-col items-start gap-2">
          <EventAction event={event} places={{ ...event, available_spots: 0 }} own={NO_BOOKING} />
        </div>
      </Notice>
    );
  if (code === 'already_booked')
    return (
      <Notice kind="warn" role="alert" title={sentence(error)}>
        <Link to="/app/bookings" className="self-start py-1 font-medium text-brand underline underline-offset-4">{t('list.title')}</Link>
      </Notice>
    );
  return <ErrorNotice error={error} />;
}
