/** What was sent, what is due and what was given up: webhooks, mails and refunds of everybody. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { DeliveryDetails } from '../../ui/delivery_details';
import { Dialog } from '../../ui/dialog';
import { Select } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';
import { useToast } from '../../ui/toast';
import { useQueryParts } from '../../ui/use_query_parts';

type Delivery = Schemas['AnyDelivery'];

const STATES = ['dead', 'due', 'delivered'] as const;
const CHANNELS = ['webhook', 'mail', 'account_mail', 'refund'] as const;
const TONES = { due: 'warn', delivered: 'good', dead: 'bad' } as const;

export default function Deliveries() {
  const { t } = useTranslation('admin');
  const format = useFormat();
  const [params, change] = useQueryParts();
  const [opened, setOpened] = useState<string | null>(null);
  const state = STATES.find((each) => each === params.get('state'));
  const channel = CHANNELS.find((each) => each === params.get('channel'));
  const query = usePages(['admin', 'deliveries', state, channel], (after, signal) => call(api.GET('/admin/deliveries', { params: { query: { state, channel, after } }, signal })));
  const deliveries = query.data?.pages.flatMap((page) => page.deliveries) ?? [];
  return (
    <Page wide title={t('deliveries.title')} lead={t('deliveries.lead')}>
      <div className="grid gap-4 sm:grid-cols-2">
        <Select label={t('deliveries.state')} value={state ?? ''} onChange={(event) => change('state', event.target.value)}>
          <option value="">{t('all')}</option>
          {STATES.map((each) => (
            <option key={each} value={each}>
              {t(`deliveries.states.${each}`)}
            </option>
          ))}
        </Select>
        <Select label={t('deliveries.channel')} value={channel ?? ''} onChange={(event) => change('channel', event.target.value)}>
          <option value="">{t('all')}</option>
          {CHANNELS.map((each) => (
            <option key={each} value={each}>
              {t(`deliveries.channels.${each}`)}
            </option>
          ))}
        </Select>
      </div>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-10 w-full" count={8} />}
      {query.isSuccess && deliveries.length === 0 && <Empty title={t('deliveries.none')}>{t('deliveries.noneHint')}</Empty>}
      {deliveries.length > 0 && (
        <Table hideCaption caption={t('deliveries.title')} head={[t('deliveries.created'), t('deliveries.channel'), t('deliveries.type'), t('deliveries.state'), t('deliveries.attempts'), t('deliveries.last'), '']} numbers={[4]}>
          {deliveries.map((delivery) => (
            <tr key={delivery.webhook_id}>
              <Cell className="whitespace-nowrap">{format.dayAndTime(delivery.created_at)}</Cell>
              <Cell>{t(`deliveries.channels.${delivery.channel}`)}</Cell>
              <Cell className="font-mono text-sm">{delivery.type}</Cell>
              <Cell>
                <State delivery={delivery} />
              </Cell>
              <Cell number>{format.number(delivery.attempts)}</Cell>
              <Cell>{[delivery.last_status, delivery.last_error].filter(Boolean).join(' · ') || '–'}</Cell>
              <Cell>
                <Button look="quiet" onClick={() => setOpened(delivery.webhook_id)} aria-label={t('deliveries.openOne', { type: delivery.type, time: format.dayAndTime(delivery.created_at) })}>
                  {t('deliveries.open')}
                </Button>
              </Cell>
            </tr>
          ))}
        </Table>
      )}
      <More query={query} />
      <Dialog wide open={opened !== null} title={t('deliveries.one')} onClose={() => setOpened(null)}>
        {opened && <One id={opened} />}
      </Dialog>
    </Page>
  );
}

function State({ delivery }: { delivery: Delivery }) {
  const { t } = useTranslation('admin');
  const format = useFormat();
  return (
    <>
      <Badge tone={TONES[delivery.state]}>{t(`deliveries.states.${delivery.state}`)}</Badge>
      {delivery.next_attempt_at && <span className="block pt-1 text-sm text-muted">{t('deliveries.next', { when: format.relative(delivery.next_attempt_at) })}</span>}
    </>
  );
}

function One({ id }: { id: string }) {
  const { t } = useTranslation('admin');
  const say = useToast();
  const client = useQueryClient();
  const path = { params: { path: { webhook_id: id } } };
  const query = useQuery({ queryKey: ['admin', 'delivery', id], queryFn: ({ signal }) => call(api.GET('/admin/deliveries/{webhook_id}', { ...path, signal })) });
  const replay = useMutation({
    mutationFn: (key: string) => call(api.POST('/admin/deliveries/{webhook_id}/replay', { ...path, headers: { 'Idempotency-Key': key } })),
    onSuccess: () => {
      say(t('deliveries.replayed'));
      return Promise.all([client.invalidateQueries({ queryKey: ['admin', 'deliveries'] }), client.invalidateQueries({ queryKey: ['admin', 'delivery', id] })]);
    },
  });
  if (query.isPending) return <Loading count={2} />;
  if (query.error) return <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />;
  const { delivery, host, body, attempts } = query.data;
  return (
    <>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
        <dt className="text-muted">{t('deliveries.id')}</dt>
        <dd className="font-mono text-sm break-all select-all">{delivery.webhook_id}</dd>
        <dt className="text-muted">{t('deliveries.type')}</dt>
        <dd className="font-mono text-sm">{delivery.type}</dd>
        <dt className="text-muted">{t('deliveries.state')}</dt>
        <dd>
          <State delivery={delivery} />
        </dd>
        {host && (
          <>
            <dt className="text-muted">{t('deliveries.host')}</dt>
            <dd className="break-all">{host}</dd>
          </>
        )}
      </dl>
      <DeliveryDetails body={body} attempts={attempts} />
      <ErrorNotice error={replay.error} />
      <Button className="self-end" busy={replay.isPending} onClick={() => replay.mutate(newIdempotencyKey())}>
        {t('deliveries.replay')}
      </Button>
    </>
  );
}
