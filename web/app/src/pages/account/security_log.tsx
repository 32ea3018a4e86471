/** What happened to the account, as its security log tells it. */
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { eventWords } from './security_events';

type LoggedEvent = Schemas['LoggedEvent'];

export function SecurityLog() {
  const { t } = useTranslation('account');
  const query = usePages(['account', 'events'], (after, signal) =>
    call(api.GET('/profile/security-events', { params: { query: { limit: 15, after } }, signal })),
  );
  const { data, error, refetch, fetchNextPage } = query;
  const events = data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <Card title={t('log.title')}>
      <p className="text-muted">{t('log.text')}</p>
      {!data && !error && <Loading count={3} className="h-10 w-full" />}
      {data && (
        <ol className="flex flex-col divide-y divide-line">
          {events.map((event) => (
            <EventRow key={event.id} event={event} />
          ))}
        </ol>
      )}
      {error ? <ErrorNotice error={error} onRetry={() => void (data ? fetchNextPage() : refetch())} /> : null}
      <More query={query} />
    </Card>
  );
}

function EventRow({ event }: { event: LoggedEvent }) {
  const { t, i18n } = useTranslation('account');
  const format = useFormat();
  const { title, warns } = eventWords(event);
  const key = `events.${title}`;
  const by = event.actor_id && event.actor_id !== event.user_id ? t('log.byAdmin') : null;
  return (
    <li className="grid gap-x-4 py-2.5 sm:grid-cols-[1fr_auto]">
      <p className={`font-medium ${warns ? 'text-warn' : ''}`}>{i18n.exists(key, { ns: 'account' }) ? t(key) : t('events.other', { event: event.event })}</p>
      <time dateTime={event.at} className="text-sm text-muted sm:text-end">
        {format.dayAndTime(event.at)}
      </time>
      <p className="text-sm break-words text-muted sm:col-span-2">
        {[by, event.address && t('log.from', { address: event.address })].filter(Boolean).join(' · ')}
      </p>
    </li>
  );
}
