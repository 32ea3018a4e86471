/** The door: tickets are held before the camera or typed in, and one sees from afar whether they are good. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Camera, CameraOff, CircleCheck, CircleX, History, TriangleAlert, UsersRound } from 'lucide-react';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { api, ApiError, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { Button, ButtonLink } from '../../ui/button';
import { useErrorSentence } from '../../ui/errors';
import { TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { eventQuery } from '../public/queries';
import { checkInIsOpen } from './event_row';
import { bookingsKey, eventIdOf, headQuery } from './queries';
import { scan, stayAwake } from './scanner';

type Booking = Schemas['Booking'];
type Admitted = { kind: 'good' | 'already'; booking: Booking; undone?: boolean };
type Refused = { kind: 'wrong' | 'failed'; error: unknown };
type Result = { id: number; at: number; ticket: string } & (Admitted | Refused);

/** The same ticket is asked about anew once it was out of sight so long. */
const OUT_OF_SIGHT_MS = 3000;
const OTHER_DOORS_MS = 10_000;
const KEPT = 20;
const BUZZ = { good: [80], already: [60, 60, 60], wrong: [350], failed: [350] } as const;

const keyed = () => ({ 'Idempotency-Key': newIdempotencyKey() });

/** Else nobody knows whether the ticket is good. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

export default function CheckIn() {
  const { t } = useTranslation('host');
  const id = eventIdOf(useParams().eventId);
  const { data: event, error, refetch } = useQuery({ ...eventQuery(id ?? 0), enabled: id !== null });
  if (id === null || (error instanceof ApiError && error.status === 404))
    return (
      <Page title={t('event.unknown')}>
        <Empty title={t('event.unknownText')} action={<ButtonLink to="/app/host/events">{t('nav.events')}</ButtonLink>} />
      </Page>
    );
  return (
    <Page
      title={t('door.title')}
      lead={event && <Link to={`/app/host/events/${id}`} className="underline underline-offset-4" dir="auto">{event.title}</Link>}
    >
      <ErrorNotice error={event ? null : error} onRetry={() => void refetch()} />
      {!event && !error && <Loading className="h-40 w-full rounded-2xl" />}
      {event && <Door event={event} />}
    </Page>
  );
}

function Door({ event }: { event: Schemas['Event'] }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const client = useQueryClient();
  const [results, setResults] = useState<Result[]>([]);
  const next = useRef(0);
  useEffect(stayAwake, []);
  const head = useQuery({ ...headQuery(event.id), refetchInterval: OTHER_DOORS_MS });
  const tell = (result: Result) => {
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([...BUZZ[result.kind]]); // else browsers refuse
    setResults((shown) => [result, ...shown].slice(0, KEPT));
    void client.invalidateQueries({ queryKey: bookingsKey(event.id) });
  };
  const admit = useMutation({
    mutationFn: (ticket: string) => call(api.POST('/facilitator/check-in', { body: { ticket, event_id: event.id }, headers: keyed() })),
    onSuccess: ({ already, booking }, ticket) => tell({ id: next.current++, at: Date.now(), ticket, kind: already ? 'already' : 'good', booking }),
    onError: (error, ticket) => tell({ id: next.current++, at: Date.now(), ticket, kind: isRefusal(error) ? 'wrong' : 'failed', error }),
  });
  const undo = useMutation({
    mutationFn: ({ booking }: { id: number; booking: Booking }) =>
      call(api.DELETE('/facilitator/bookings/{booking_id}/check-in', { params: { path: { booking_id: booking.id } }, headers: keyed() })),
    onSuccess: (_, { id }) => {
      setResults((shown) => shown.map((result) => (result.id === id ? { ...result, undone: true } : result)));
      return client.invalidateQueries({ queryKey: bookingsKey(event.id) });
    },
  });
  const [latest, ...earlier] = results;
  const expected = Math.max(event.current_participants, head.data?.current_participants ?? 0);
  return (
    <>
      {!checkInIsOpen(event) && (
        <Notice kind="warn" title={t(event.status === 'cancelled' ? 'event.cancelled' : 'door.closed')}>
          {event.status === 'active' && <p>{t('door.closedText', { span: format.span(event.start_datetime, event.end_datetime, event.time_zone) })}</p>}
        </Notice>
      )}
      <p className="flex items-center gap-3 text-xl">
        <UsersRound aria-hidden className="size-6 text-accent" />
        {head.data ? (
          <span className="font-semibold tabular-nums">{t('door.count', { arrived: format.number(head.data.checked_in), count: expected })}</span>
        ) : (
          <span className="text-muted">{t('common:loading')}</span>
        )}
      </p>
      <div aria-live="assertive" className="empty:hidden">
        {latest && (
          <Outcome
            key={latest.id}
            result={latest}
            busy={undo.isPending || admit.isPending}
            onUndo={latest.kind === 'good' && !latest.undone ? () => undo.mutate(latest) : null}
            onRetry={latest.kind === 'failed' ? () => admit.mutate(latest.ticket) : null}
          />
        )}
      </div>
      <ErrorNotice error={undo.error} />
      <Finder onSeen={(ticket) => admit.mutate(ticket)} busy={admit.isPending} />
      <ByHand onTyped={(ticket) => admit.mutate(ticket)} busy={admit.isPending} />
      {earlier.length > 0 && (
        <Card title={t('door.before')}>
          <ul className="flex flex-col divide-y divide-line">
            {earlier.map((result) => (
              <li key={result.id} className="flex items-center justify-between gap-x-4 py-2">
                <Line result={result} />
                <span className="text-sm whitespace-nowrap text-muted">{format.time(result.at)}</span>
              </li>
            ))}
          </ul>
        </Card>
      )}
      <p className="text-muted">
        {t('door.byName')}{' '}
        <Link to={`/app/host/events/${event.id}?who=missing`} className="inline-block py-1 text-brand underline underline-offset-4">{t('door.toList')}</Link>
      </p>
    </>
  );
}

const LOOKS = {
  good: { box: 'bg-good-soft border-good', mark: 'text-good', Icon: CircleCheck },
  already: { box: 'bg-warn-soft border-warn', mark: 'text-warn', Icon: History },
  wrong: { box: 'bg-bad-soft border-bad', mark: 'text-bad', Icon: CircleX },
  failed: { box: 'bg-sunken border-edge', mark: 'text-ink', Icon: TriangleAlert },
} as const;

type OutcomeProps = { result: Result; busy: boolean; onUndo: (() => void) | null; onRetry: (() => void) | null };

function Outcome({ result, busy, onUndo, onRetry }: OutcomeProps) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const sentence = useErrorSentence();
  const { box, mark, Icon } = LOOKS[result.kind];
  const undone = 'booking' in result && result.undone;
  return (
    <div className={`flex items-start gap-4 rounded-2xl border-2 p-4 sm:p-5 ${undone ? 'border-line bg-sunken' : box}`}>
      <Icon aria-hidden className={`size-12 shrink-0 sm:size-16 ${undone ? 'text-muted' : mark}`} />
      <div className="flex min-w-0 flex-1 flex-col gap-1">
        <p className={`text-2xl font-bold sm:text-3xl ${undone ? 'text-muted' : mark}`}>{t(undone ? 'door.undone' : `door.${result.kind}`)}</p>
        {'booking' in result ? (
          <>
            <p className="text-2xl font-semibold break-words" dir="auto">{result.booking.user.name}</p>
            {result.kind === 'already' && result.booking.checked_in_at && (
              <p className="text-lg">{t('door.since', { time: format.dayAndTime(result.booking.checked_in_at) })}</p>
            )}
            {result.booking.notes && <p className="break-words whitespace-pre-line" dir="auto">{result.booking.notes}</p>}
          </>
        ) : (
          <>
            <p className="text-lg">{sentence(result.error)}</p>
            <p className="font-mono text-sm break-all text-muted">{result.ticket}</p>
          </>
        )}
        {onUndo && <Button look="secondary" className="mt-1 self-start" busy={busy} onClick={onUndo}>{t('common:undo')}</Button>}
        {onRetry && <Button className="mt-1 self-start" busy={busy} onClick={onRetry}>{t('common:error.retry')}</Button>}
      </div>
    </div>
  );
}

function Line({ result }: { result: Result }) {
  const { t } = useTranslation('host');
  const { mark, Icon } = LOOKS[result.kind];
  const undone = 'booking' in result && result.undone;
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-x-2">
      <Icon aria-hidden className={`size-5 shrink-0 ${undone ? 'text-muted' : mark}`} />
      <span className="min-w-0 break-words" dir="auto">{'booking' in result ? result.booking.user.name : result.ticket}</span>
      <span className="text-sm text-muted">{t(undone ? 'door.undone' : `door.${result.kind}`)}</span>
    </span>
  );
}

type CameraState = 'off' | 'starting' | 'on' | 'refused' | 'missing' | 'busy';

function problemOf(error: unknown): CameraState {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  return name === 'NotReadableError' || name === 'AbortError' ? 'busy' : 'missing';
}

/** The camera is asked for by a press of a button, or at once where it was allowed before. */
function Finder({ onSeen, busy }: { onSeen: (ticket: string) => void; busy: boolean }) {
  const { t } = useTranslation('host');
  const video = useRef<HTMLVideoElement>(null);
  const [wanted, setWanted] = useState(false);
  const [state, setState] = useState<CameraState>('off');
  const sight = useRef({ text: '', at: 0 });
  const seen = useEffectEvent((text: string) => {
    const { text: former, at } = sight.current;
    const again = former === text && Date.now() - at < OUT_OF_SIGHT_MS;
    if (again || !busy) sight.current = { text, at: Date.now() };
    if (!again && !busy) onSeen(text.trim().slice(0, 64));
  });
  useEffect(() => {
    const asked = navigator.permissions?.query({ name: 'camera' as PermissionName });
    asked?.then(({ state: permission }) => permission === 'granted' && setWanted(true), () => undefined);
  }, []);
  useEffect(() => {
    if (!wanted || !video.current) return undefined;
    let over = false;
    let stop: (() => void) | undefined;
    setState('starting');
    sight.current = { text: '', at: 0 };
    const started = 'mediaDevices' in navigator ? scan(video.current, (text) => seen(text)) : Promise.reject(new Error('no camera'));
    started.then(
      (end) => {
        if (over) return end();
        stop = end;
        setState('on');
      },
      (error: unknown) => {
        if (over) return;
        setWanted(false);
        setState(problemOf(error));
      },
    );
    return () => {
      over = true;
      stop?.();
    };
  }, [wanted]);
  const shown = state === 'on' || state === 'starting';
  return (
    <section aria-label={t('camera.title')} className="flex flex-col gap-3">
      <div className={`relative overflow-hidden rounded-2xl bg-black ${shown ? '' : 'hidden'}`}>
        <video ref={video} muted playsInline aria-label={t('camera.picture')} className="aspect-4/3 max-h-[55vh] w-full object-cover" />
        <span aria-hidden className="pointer-events-none absolute inset-0 m-auto aspect-square h-2/3 rounded-3xl border-4 border-white/80" />
      </div>
      {shown ? (
        <div className="flex flex-wrap items-center justify-between gap-2">
          <p className="text-muted">{t(state === 'starting' ? 'camera.starting' : 'camera.hold')}</p>
          <Button
            look="secondary"
            onClick={() => {
              setWanted(false);
              setState('off');
            }}
          >
            <CameraOff aria-hidden className="size-5" />
            {t('camera.stop')}
          </Button>
        </div>
      ) : (
        <>
          {state !== 'off' && (
            <Notice kind="warn" role="alert" title={t(`camera.${state}`)}>
              <p>{t(`camera.${state}Text`)}</p>
            </Notice>
          )}
          <Button className="min-h-16 text-lg" onClick={() => setWanted(true)}>
            <Camera aria-hidden className="size-6" />
            {t(state === 'off' ? 'camera.start' : 'camera.again')}
          </Button>
        </>
      )}
    </section>
  );
}

/** For codes that are read out, and for scanners that type like a keyboard. */
function ByHand({ onTyped, busy }: { onTyped: (ticket: string) => void; busy: boolean }) {
  const { t } = useTranslation('host');
  const [code, setCode] = useState('');
  return (
    <form
      className="flex flex-wrap items-end gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (busy || code.trim() === '') return;
        onTyped(code.trim());
        setCode('');
      }}
    >
      <div className="min-w-0 flex-1 basis-60">
        <TextField
          label={t('door.code')}
          hint={t('door.codeHint')}
          value={code}
          maxLength={64}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          className="font-mono"
          onChange={(event) => setCode(event.target.value)}
        />
      </div>
      <Button type="submit" look="secondary" className="mb-6" busy={busy}>{t('arrival.do')}</Button>
    </form>
  );
}
