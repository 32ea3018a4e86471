/** Who comes to an event: found as one types, let in by name. */
import { Check, Download, Mail, Phone, StickyNote } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { usePages } from '../../api/pages';
import type { paths } from '../../api/schema';
import { useFormat } from '../../i18n/format';
import { Button, buttonClass } from '../../ui/button';
import { Select, TextField } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Card, Empty, type Tone } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useQueryParts } from '../../ui/use_query_parts';
import { useTyped } from '../../ui/use_typed';
import { checkInIsOpen, isOver } from './event_row';
import { listKey } from './queries';
import { useCheckIn } from './use_check_in';

type Event = Schemas['Event'];
type Booking = Schemas['Booking'];
type Query = NonNullable<paths['/facilitator/events/{event_id}/bookings']['get']['parameters']['query']>;

const FILTERS = ['standing', 'arrived', 'missing', 'pending', 'cancelled', 'expired', 'all'] as const;
type Filter = (typeof FILTERS)[number];

/** A confirmed booking counts as completed once the event is over. */
function queryOf(filter: Filter, event: Event): Query {
  const standing = isOver({ ...event, end_datetime: event.end_datetime ?? event.start_datetime }) ? 'completed' : 'confirmed';
  if (filter === 'all') return {};
  if (filter === 'arrived') return { checked_in: true };
  if (filter === 'missing') return { checked_in: false, status: standing };
  return { status: filter === 'standing' ? standing : filter };
}

const TONES: Record<Booking['status'], Tone> = { pending: 'warn', confirmed: 'good', completed: 'good', cancelled: 'bad', expired: 'plain' };

export function Attendees({ event }: { event: Event }) {
  const { t } = useTranslation('host');
  const [params, change] = useQueryParts();
  const filter = FILTERS.find((each) => each === params.get('who')) ?? (event.status === 'cancelled' ? 'all' : 'standing');
  const q = params.get('q')?.trim().slice(0, 200) ?? '';
  const [typed, setTyped] = useTyped(q, (text) => change('q', text));
  const asked: Query = { ...queryOf(filter, event), ...(q && { q }) };
  const query = usePages(
    [...listKey(event.id), asked],
    (after, signal) =>
      call(api.GET('/facilitator/events/{event_id}/bookings', { params: { path: { event_id: event.id }, query: { ...asked, after } }, signal })),
    { keepFormer: true },
  );
  const bookings = query.data?.pages.flatMap((page) => page.bookings) ?? [];
  const checkIn = useCheckIn(event.id);
  const canArrive = checkInIsOpen(event);
  const text = Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, String(value)]));
  const csv = `/facilitator/events/${event.id}/bookings.csv?${new URLSearchParams(text)}`;
  return (
    <Card
      title={t('attendees.title')}
      actions={
        <a href={csv} download className={buttonClass('secondary')}>
          <Download aria-hidden className="size-5" />
          {t('attendees.csv')}
        </a>
      }
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          type="search"
          label={t('attendees.search')}
          value={typed}
          maxLength={200}
          autoComplete="off"
          onChange={(change) => setTyped(change.target.value)}
        />
        <Select label={t('attendees.show')} value={filter} onChange={(picked) => change('who', picked.target.value)}>
          {FILTERS.map((each) => (
            <option key={each} value={each}>
              {t(`attendees.filter.${each}`)}
            </option>
          ))}
        </Select>
      </div>
      {!canArrive && event.status === 'active' && !isOver(event) && <p className="text-sm text-muted">{t('attendees.later')}</p>}
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-20 w-full" />}
      <p role="status" className="sr-only">{query.isSuccess && t('attendees.count', { count: bookings.length })}</p>
      {query.isSuccess && bookings.length === 0 && (
        <Empty title={t(q ? 'attendees.noneFound' : 'attendees.none')}>{t(q ? 'attendees.noneFoundHint' : 'attendees.noneHint')}</Empty>
      )}
      <ul className={`flex flex-col divide-y divide-line ${query.isPlaceholderData ? 'opacity-60' : ''}`}>
        {bookings.map((booking) => (
          <Attendee key={booking.id} booking={booking} canArrive={canArrive} onArrive={(arrived) => checkIn({ booking, arrived })} />
        ))}
      </ul>
      <More query={query} />
    </Card>
  );
}

function Attendee({ booking, canArrive, onArrive }: { booking: Booking; canArrive: boolean; onArrive: (arrived: boolean) => void }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const { user, status, checked_in_at: arrived } = booking;
  const standing = status === 'confirmed' || status === 'completed';
  return (
    <li className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 py-4">
      <div className="flex min-w-0 flex-1 basis-60 flex-col gap-1">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <span className="text-lg font-semibold break-words" dir="auto">{user.name}</span>
          {arrived ? (
            <Badge tone="good">
              <Check aria-hidden className="size-4" />
              {t('attendees.arrived', { time: format.time(arrived) })}
            </Badge>
          ) : (
            status !== 'confirmed' && <Badge tone={TONES[status]}>{status === 'completed' ? t('attendees.notArrived') : t(`common:status.${status}`)}</Badge>
          )}
        </p>
        <p className="flex flex-wrap gap-x-4 gap-y-1">
          <a href={`mailto:${user.email}`} className="inline-flex min-h-6 items-center gap-1.5 break-all text-brand underline underline-offset-4">
            <Mail aria-hidden className="size-4 shrink-0" />
            {user.email}
          </a>
          {user.phone && (
            <a href={`tel:${user.phone}`} className="inline-flex min-h-6 items-center gap-1.5 text-brand underline underline-offset-4">
              <Phone aria-hidden className="size-4 shrink-0" />
              {user.phone}
            </a>
          )}
        </p>
        {booking.notes && (
          <p className="flex gap-2 rounded-lg bg-sunken p-2.5">
            <StickyNote aria-hidden className="mt-1 size-4 shrink-0 text-accent" />
            <span className="min-w-0 break-words whitespace-pre-line" dir="auto">
              <span className="sr-only">{t('attendees.notes')} </span>
              {booking.notes}
            </span>
          </p>
        )}
        <p className="text-sm text-muted">
          {t('attendees.booked', { reference: booking.booking_reference, day: format.dayAndTime(booking.created_at) })}
          {booking.price > 0 && ` · ${format.money(booking.price, booking.currency)}`}
          {status === 'pending' && booking.hold_expires_at && ` · ${t('attendees.held', { time: format.dayAndTime(booking.hold_expires_at) })}`}
        </p>
      </div>
      {standing && canArrive && (
        <Button look={arrived ? 'secondary' : 'primary'} onClick={() => onArrive(!arrived)}>
          {t(arrived ? 'arrival.undo' : 'arrival.do')}
          <span className="sr-only">{user.name}</span>
        </Button>
      )}
    </li>
  );
}
