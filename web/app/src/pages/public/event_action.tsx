/** What can be done about an event now: book it, see one's booking of it, wait for a place, or look after it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'react-router';
import { api, call, newIdempotencyKey } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { useErrorSentence } from '../../ui/errors';
import { type Event, hasBegun } from '../../ui/event_card';
import type { Places } from '../../ui/live_places';
import { Skeleton } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import type { OwnBooking } from './use_own_booking';

export function EventAction({ event, places, own }: { event: Event; places: Places; own: OwnBooking }) {
  const { t } = useTranslation('public');
  const { profile } = useSession();
  if (profile?.id === event.facilitator.id) return <ButtonLink to={`/app/host/events/${event.id}`}>{t('action.manage')}</ButtonLink>;
  if (own.booking)
    return <ButtonLink to={`/app/bookings/${own.booking.id}`}>{t(own.booking.status === 'pending' ? 'action.pay' : 'action.seeBooking')}</ButtonLink>;
  if (!event.is_active || hasBegun(event)) return null;
  if (places.available_spots === null || places.available_spots > 0) return <ButtonLink to={`/app/events/${event.id}/book`}>{t('action.book')}</ButtonLink>;
  return own.known ? <WaitingList event={event} /> : <Skeleton className="h-11 w-44 max-w-full self-center" />;
}

/** Signing in leads back here. */
function WaitingList({ event }: { event: Event }) {
  const { t } = useTranslation('public');
  const { profile } = useSession();
  const { pathname } = useLocation();
  if (!profile) return <ButtonLink to={`/app/login?next=${encodeURIComponent(pathname)}`}>{t('action.wait')}</ButtonLink>;
  return <OwnPlaceInLine event={event} />;
}

function OwnPlaceInLine({ event }: { event: Event }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const client = useQueryClient();
  const say = useToast();
  const sentence = useErrorSentence();
  const [intent, setIntent] = useState(newIdempotencyKey);
  const queryKey = ['waitlist', 'event', event.id];
  const { data, isPending } = useQuery({
    queryKey,
    queryFn: ({ signal }) => call(api.GET('/waitlist', { params: { query: { event_id: event.id } }, signal })),
  });
  const path = { params: { path: { event_id: event.id } }, headers: { 'Idempotency-Key': intent } };
  const settled = {
    onSuccess: () => setIntent(newIdempotencyKey()),
    onError: (error: unknown) => say(sentence(error)),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['waitlist'] }), client.invalidateQueries({ queryKey: ['event', event.id] })]),
  };
  const join = useMutation({ mutationFn: () => call(api.POST('/events/{event_id}/waitlist', path)), ...settled });
  const leave = useMutation({ mutationFn: () => call(api.DELETE('/events/{event_id}/waitlist', path)), ...settled });
  const entry = data?.entries[0];
  if (entry?.state === 'offered' && entry.offered_until)
    return (
      <>
        <ButtonLink to={`/app/events/${event.id}/book`}>{t('action.book')}</ButtonLink>
        <p className="text-sm">{t('waitlist.offered', { time: format.dayAndTime(entry.offered_until) })}</p>
      </>
    );
  if (entry)
    return (
      <>
        <p role="status" className="text-sm font-medium">{t('waitlist.position', { position: format.number(entry.position ?? 1) })}</p>
        <Button look="secondary" busy={leave.isPending} onClick={() => leave.mutate()}>
          {t('action.waitNoMore')}
        </Button>
      </>
    );
  return (
    <>
      <Button busy={isPending || join.isPending} onClick={() => join.mutate()}>
        {t('action.wait')}
      </Button>
      <p className="text-sm text-muted max-lg:hidden">{t('waitlist.hint')}</p>
    </>
  );
}
