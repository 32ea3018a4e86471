/** The audit log: what concerns security, newest first. */
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, call } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { TextField } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';

const FILTERS = ['event', 'user_id', 'from', 'to'] as const;

export default function Log() {
  const { t } = useTranslation('admin');
  const format = useFormat();
  const [params, setParams] = useSearchParams();
  const chosen = Object.fromEntries(FILTERS.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : []))) as Partial<Record<(typeof FILTERS)[number], string>>;
  const query = usePages(['admin', 'log', chosen], (after, signal) =>
    call(api.GET('/admin/security-events', { params: { query: { ...chosen, user_id: chosen.user_id ? Number(chosen.user_id) : undefined, after, limit: 50 } }, signal })),
  );
  const events = query.data?.pages.flatMap((page) => page.events) ?? [];
  const apply = (form: FormData) => setParams(Object.fromEntries(FILTERS.flatMap((name) => (form.get(name) ? [[name, String(form.get(name))]] : []))));
  return (
    <Page wide title={t('log.title')} lead={t('log.lead')}>
      {/* Uncontrolled: a new address brings new values. */}
      <form
        key={params.toString()}
        className="grid items-end gap-4 sm:grid-cols-2 lg:grid-cols-5"
        onSubmit={(event) => {
          event.preventDefault();
          apply(new FormData(event.currentTarget));
        }}
      >
        <TextField name="event" label={t('log.event')} placeholder="authn_login_fail" defaultValue={chosen.event} />
        <TextField name="user_id" type="number" min={1} label={t('log.user')} defaultValue={chosen.user_id} />
        <TextField name="from" type="date" label={t('from')} defaultValue={chosen.from} />
        <TextField name="to" type="date" label={t('to')} defaultValue={chosen.to} />
        <Button type="submit" look="secondary">
          {t('show')}
        </Button>
      </form>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-10 w-full" count={8} />}
      {query.isSuccess && events.length === 0 && <Empty title={t('log.none')}>{t('log.noneHint')}</Empty>}
      {events.length > 0 && (
        <Table hideCaption caption={t('log.title')} head={[t('log.at'), t('log.event'), t('log.user'), t('log.address'), t('log.detail'), t('log.request')]} numbers={[2]}>
          {events.map((event) => (
            <tr key={event.id}>
              <Cell className="whitespace-nowrap">{format.dayAndTime(event.at)}</Cell>
              <Cell className="font-mono text-sm">{event.event}</Cell>
              <Cell number>
                {event.user_id ?? '–'}
                {event.actor_id && event.actor_id !== event.user_id && <span className="block text-sm text-muted">{t('log.by', { actor: event.actor_id })}</span>}
              </Cell>
              <Cell className="font-mono text-sm">{event.address}</Cell>
              <Cell>{event.detail}</Cell>
              <Cell className="font-mono text-sm break-all">{event.request_id ?? '–'}</Cell>
            </tr>
          ))}
        </Table>
      )}
      <More query={query} />
    </Page>
  );
}
