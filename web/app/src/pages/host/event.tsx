/** One event of one's own: who comes, who waits, what it brings, and its end if it must be. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CalendarPlus, Eye, Pencil, QrCode } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { CopyButton } from '../../ui/copy';
import { ConfirmDialog } from '../../ui/dialog';
import { type Event, hasBegun } from '../../ui/event_card';
import { Figure, Figures } from '../../ui/figures';
import { useLivePlaces } from '../../ui/live_places';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Rating } from '../../ui/stars';
import { useToast } from '../../ui/toast';
import { eventQuery } from '../public/queries';
import { Attendees } from './attendees';
import { CancelDialog } from './cancel_dialog';
import { checkInIsOpen, isOver, PlacesBar, publicAddress, StateBadge } from './event_row';
import { useInbox } from './live';
import { eventIdOf, forgetEvent, headQuery } from './queries';
import { WaitingList } from './waiting_list';

export default function EventPage() {
  const { t } = useTranslation('host');
  const id = eventIdOf(useParams().eventId);
  const { profile, isAdmin } = useSession();
  const { data: event, error, refetch } = useQuery({ ...eventQuery(id ?? 0), enabled: id !== null });
  if (id === null || (error instanceof ApiError && error.status === 404) || (event && !isAdmin && event.facilitator.id !== profile?.id))
    return (
      <Page title={t('event.unknown')}>
        <Empty title={t('event.unknownText')} action={<ButtonLink to="/app/host/events">{t('nav.events')}</ButtonLink>} />
      </Page>
    );
  if (event) return <Shown key={id} event={event} />;
  return (
    <Page wide title={t('event.title')}>
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      {!error && <Loading className="h-40 w-full rounded-2xl" />}
    </Page>
  );
}

/** Asks anew when a message tells of this event. */
function useNewsOf(eventId: number) {
  const client = useQueryClient();
  const inbox = useInbox().data?.pages[0]?.notifications;
  const newest = inbox && (inbox.find(({ data }) => (data.event_id ?? data.event?.id) === eventId)?.seq ?? 0);
  const seen = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (newest === undefined) return;
    const isNews = seen.current !== undefined && newest > seen.current;
    seen.current = newest;
    if (isNews) void forgetEvent(client, eventId);
  }, [newest, client, eventId]);
}

function Shown({ event }: { event: Event }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const page = `/app/host/events/${event.id}`;
  const ahead = event.status === 'active' && !isOver(event);
  const places = useLivePlaces(event, ahead && !hasBegun(event), -1);
  useNewsOf(event.id);
  const head = useQuery(headQuery(event.id));
  const figures = useQuery({
    queryKey: ['host', 'figures', event.id],
    queryFn: ({ signal }) => call(api.GET('/facilitator/figures', { params: { query: { event_id: event.id } }, signal })),
    enabled: event.price > 0,
  });
  const open = checkInIsOpen(event);
  const lead = (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-base">
      <StateBadge event={event} />
      <span>
        {format.span(event.start_datetime, event.end_datetime, event.time_zone)} {format.zone(event.time_zone, event.start_datetime)}
        {' · '}
        <span dir="auto">{event.location ?? t('common:online')}</span>
      </span>
      {event.review_count > 0 && event.rating !== null && (
        <Link to={`/app/events/${event.id}#reviews`} className="text-ink hover:underline">
          <Rating rating={event.rating} count={event.review_count} />
        </Link>
      )}
    </div>
  );
  return (
    <Page wide title={event.title} lead={lead}>
      <div className="no-print flex flex-wrap gap-2">
        {open && (
          <ButtonLink to={`${page}/check-in`}>
            <QrCode aria-hidden className="size-5" />
            {t('action.checkIn')}
          </ButtonLink>
        )}
        {event.status === 'active' && (
          <ButtonLink look="secondary" to={`${page}/edit`}>
            <Pencil aria-hidden className="size-5" />
            {t('common:edit')}
          </ButtonLink>
        )}
        <ButtonLink look="secondary" to={`/app/host/events/new?from=${event.id}`}>
          <CalendarPlus aria-hidden className="size-5" />
          {t('action.duplicate')}
        </ButtonLink>
        <ButtonLink look="secondary" to={`/app/events/${event.id}`}>
          <Eye aria-hidden className="size-5" />
          {t('action.view')}
        </ButtonLink>
        {ahead && <CopyButton text={publicAddress(event)} label={t('action.share')} />}
      </div>
      {event.status === 'cancelled' && (
        <Notice kind="bad" title={t('event.cancelled')}>
          <p>{t('event.cancelledText')}</p>
        </Notice>
      )}
      {event.status === 'active' && !event.is_active && !isOver(event) && (
        <Notice kind="warn" title={t('event.closed')}>
          <p>{t('event.closedText')}</p>
        </Notice>
      )}
      <Figures>
        <Figure
          label={t('event.places')}
          value={
            <span aria-live="polite">
              {format.number(places.current_participants)}
              {places.max_participants !== null && <span className="text-xl font-normal text-muted"> / {format.number(places.max_participants)}</span>}
            </span>
          }
          hint={
            <>
              <PlacesBar places={places} />
              {event.waitlist_count > 0 && <span className="block pt-1">{t('places.waiting', { count: event.waitlist_count })}</span>}
            </>
          }
        />
        <Figure label={t('event.arrived')} value={head.data ? format.number(head.data.checked_in) : '…'} />
        {figures.data?.currencies.map((sum) => (
          <Figure
            key={sum.currency}
            label={t('overview.earned', { currency: sum.currency })}
            value={format.money(sum.net, sum.currency)}
            hint={sum.held > 0 ? t('overview.held', { amount: format.money(sum.held, sum.currency) }) : undefined}
          />
        ))}
      </Figures>
      <Attendees event={event} />
      {event.waitlist_count + event.places_offered > 0 && <WaitingList event={event} />}
      {event.status === 'active' && <Ending event={event} taken={places.current_participants} />}
    </Page>
  );
}

/** Cancelling is for what people have booked; what nobody has booked can simply go. */
function Ending({ event, taken }: { event: Event; taken: number }) {
  const { t } = useTranslation('host');
  const navigate = useNavigate();
  const client = useQueryClient();
  const say = useToast();
  const [asking, setAsking] = useState<'cancel' | 'delete' | null>(null);
  const remove = useCommand((_: undefined, headers) => call(api.DELETE('/events/{event_id}', { params: { path: { event_id: event.id } }, headers })), {
    onSuccess: async () => {
      say(t('delete.done', { title: event.title }));
      await navigate('/app/host/events', { replace: true });
      client.removeQueries({ queryKey: ['event', event.id] });
      await forgetEvent(client, event.id);
    },
  });
  const close = () => {
    setAsking(null);
    remove.reset();
  };
  if (isOver(event) && taken > 0) return null;
  return (
    <Card title={t('ending.title')}>
      {!isOver(event) && (
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-72 text-muted">{t('cancel.lead')}</p>
          <Button look="danger" onClick={() => setAsking('cancel')}>{t('cancel.open')}</Button>
        </div>
      )}
      {taken === 0 && (
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-72 text-muted">{t('delete.lead')}</p>
          <Button look="danger" onClick={() => setAsking('delete')}>{t('delete.open')}</Button>
        </div>
      )}
      {asking === 'cancel' && <CancelDialog event={event} onClose={close} />}
      <ConfirmDialog
        open={asking === 'delete'}
        title={t('delete.title')}
        confirm={t('delete.open')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate(undefined)}
        onClose={close}
      >
        <p>{t('delete.text', { title: event.title })}</p>
      </ConfirmDialog>
    </Card>
  );
}
