/** Where the reader waits for a place, and places that are kept for them. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { Button, ButtonLink } from '../../ui/button';
import { ConfirmDialog } from '../../ui/dialog';
import { DateTile } from '../../ui/event_card';
import { EventTime } from '../../ui/event_facts';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { useToast } from '../../ui/toast';
import { HoldCountdown } from './hold';
import { useChanged, useWaitlist, type WaitlistEntry } from './queries';

export function WaitingList() {
  const { t } = useTranslation('bookings');
  const { query, entries } = useWaitlist();
  if (query.error) return <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />;
  if (!entries?.length) return null;
  return (
    <section aria-labelledby="waiting" className="flex flex-col gap-4">
      <h2 id="waiting" className="text-xl font-semibold">{t('waiting.title')}</h2>
      {entries.map((entry) => (entry.state === 'offered' ? <Offer key={entry.id} entry={entry} /> : <Waiting key={entry.id} entry={entry} />))}
      <More query={query} />
    </section>
  );
}

function EntryHead({ entry: { event } }: { entry: WaitlistEntry }) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <h3 className="text-lg leading-snug font-semibold break-words" dir="auto">
        <Link to={`/app/events/${event.id}`} className="hover:underline">{event.title}</Link>
      </h3>
      <p className="text-muted"><EventTime event={event} /></p>
    </div>
  );
}

/** A place that is kept: nothing is more urgent. */
export function Offer({ entry }: { entry: WaitlistEntry }) {
  const { t } = useTranslation('bookings');
  return (
    <article className="flex flex-col gap-4 rounded-2xl border-2 border-accent bg-surface p-4 sm:p-5">
      <p className="font-semibold text-accent">{t('waiting.offered')}</p>
      <div className="flex gap-4">
        <DateTile event={entry.event} />
        <EntryHead entry={entry} />
      </div>
      {entry.offered_until && (
        <HoldCountdown from={entry.offered_at ?? entry.joined_at} until={entry.offered_until}>
          <div className="flex flex-wrap items-center gap-x-8 gap-y-2">
            <ButtonLink to={`/app/events/${entry.event_id}/book`}>
              {t('waiting.book')}
              <span className="sr-only">: {entry.event.title}</span>
            </ButtonLink>
            <Leave entry={entry} />
          </div>
        </HoldCountdown>
      )}
    </article>
  );
}

function Waiting({ entry }: { entry: WaitlistEntry }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  return (
    <article className="flex gap-4 rounded-2xl border border-line bg-surface p-4 sm:p-5">
      <DateTile event={entry.event} />
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <EntryHead entry={entry} />
        <div className="flex flex-wrap items-center justify-between gap-2">
          <p className="font-medium">{entry.position === 1 ? t('waiting.first') : t('waiting.position', { position: format.number(entry.position ?? 0) })}</p>
          <Leave entry={entry} />
        </div>
      </div>
    </article>
  );
}

function Leave({ entry }: { entry: WaitlistEntry }) {
  const { t } = useTranslation('bookings');
  const [asking, setAsking] = useState(false);
  const changed = useChanged();
  const say = useToast();
  const leave = useCommand((id: number, headers) => call(api.DELETE('/events/{event_id}/waitlist', { params: { path: { event_id: id } }, headers })), {
    onSuccess: () => {
      setAsking(false);
      changed();
      say(t('waiting.left'));
    },
  });
  return (
    <>
      <Button look="quiet" className="-mx-4" onClick={() => setAsking(true)}>
        {t('waiting.leave')}
        <span className="sr-only">: {entry.event.title}</span>
      </Button>
      <ConfirmDialog
        open={asking} title={t('waiting.leaveAsk')} confirm={t('waiting.leave')} busy={leave.isPending} error={leave.error}
        onConfirm={() => leave.mutate(entry.event_id)} onClose={() => setAsking(false)}
      >
        <p>{t(entry.state === 'offered' ? 'waiting.leaveOffer' : 'waiting.leaveText')}</p>
      </ConfirmDialog>
    </>
  );
}
