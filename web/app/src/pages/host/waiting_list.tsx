/** Who waits for a place, first in line first. */
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Card } from '../../ui/page';
import { Loading } from '../../ui/skeleton';

export function WaitingList({ event }: { event: Schemas['Event'] }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const query = usePages(['host', 'event', event.id, 'waitlist'], (after, signal) =>
    call(api.GET('/events/{event_id}/waitlist', { params: { path: { event_id: event.id }, query: { after } }, signal })));
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  if (query.isSuccess && entries.length === 0) return null;
  return (
    <Card title={t('waitlist.title')}>
      <p className="text-muted">{t('waitlist.text')}</p>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading count={1} className="h-16 w-full" />}
      <ol className="flex flex-col divide-y divide-line">
        {entries.map(({ id, position, state, user, joined_at, offered_until }) => (
          <li key={id} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 py-3">
            <div className="min-w-0">
              <p>
                {position !== null && <span className="text-muted tabular-nums">{format.number(position)}. </span>}
                <span className="font-semibold" dir="auto">{user.name}</span>
              </p>
              <a href={`mailto:${user.email}`} className="inline-block min-h-6 break-all text-brand underline underline-offset-4">{user.email}</a>
            </div>
            {state === 'offered' && offered_until ? (
              <Badge tone="accent">{t('waitlist.offered', { time: format.dayAndTime(offered_until) })}</Badge>
            ) : (
              <span className="text-sm text-muted">{t('waitlist.since', { time: format.dayAndTime(joined_at) })}</span>
            )}
          </li>
        ))}
      </ol>
      <More query={query} />
    </Card>
  );
}
