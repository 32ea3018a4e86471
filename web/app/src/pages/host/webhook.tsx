/** One endpoint: its settings, secret and tests, and everything that was sent to it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { api, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { DeliveryDetails } from '../../ui/delivery_details';
import { ConfirmDialog, Dialog } from '../../ui/dialog';
import { setFieldErrors } from '../../ui/errors';
import { Select, TextField } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';
import { useToast } from '../../ui/toast';
import { useQueryParts } from '../../ui/use_query_parts';
import { EndpointFields, type EndpointValues, ownFields, toRequest } from './webhook_fields';
import { EndpointStatus, SecretOnce } from './webhooks';

type Endpoint = Schemas['WebhookEndpoint'];

const STATES = ['dead', 'due', 'delivered'] as const;
const TONES = { due: 'warn', delivered: 'good', dead: 'bad' } as const;

function keyed() {
  return { 'Idempotency-Key': newIdempotencyKey() };
}

export default function Webhook() {
  const { t } = useTranslation('webhooks');
  const endpointId = Number(useParams().endpointId);
  const query = useQuery({
    queryKey: ['webhooks', endpointId],
    queryFn: ({ signal }) => call(api.GET('/webhooks/{endpoint_id}', { params: { path: { endpoint_id: endpointId } }, signal })),
  });
  return (
    <Page wide title={t('one')} lead={query.data && <span className="font-mono text-base break-all">{query.data.url}</span>} actions={query.data && <Actions endpoint={query.data} />}>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {query.data && (
        <>
          <State endpoint={query.data} />
          <Deliveries endpoint={query.data} />
          <Settings key={query.data.updated_at} endpoint={query.data} />
        </>
      )}
    </Page>
  );
}

function State({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation('webhooks');
  const format = useFormat();
  return (
    <div className="flex flex-wrap items-center gap-3">
      <EndpointStatus endpoint={endpoint} />
      {endpoint.failing_since && <span className="text-muted">{t('failingSince', { since: format.relative(endpoint.failing_since), count: endpoint.failures })}</span>}
      {endpoint.former_until && <span className="text-muted">{t('formerUntil', { until: format.dayAndTime(endpoint.former_until) })}</span>}
    </div>
  );
}

function Actions({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation('webhooks');
  const navigate = useNavigate();
  const client = useQueryClient();
  const say = useToast();
  const [asking, setAsking] = useState<'rotate' | 'remove' | null>(null);
  const params = { path: { endpoint_id: endpoint.id } };
  const again = () => client.invalidateQueries({ queryKey: ['webhooks'] });
  const test = useMutation({
    mutationFn: () => call(api.POST('/webhooks/{endpoint_id}/test', { params, headers: keyed() })),
    onSuccess: () => {
      say(t('tested'));
      return again();
    },
  });
  const able = useMutation({
    mutationFn: (disabled: boolean) => call(api.PUT('/webhooks/{endpoint_id}', { params, body: { disabled } })),
    onSuccess: again,
  });
  const rotate = useMutation({ mutationFn: () => call(api.POST('/webhooks/{endpoint_id}/secret', { params, body: {}, headers: keyed() })), onSuccess: again });
  const remove = useMutation({
    mutationFn: () => call(api.DELETE('/webhooks/{endpoint_id}', { params })),
    onSuccess: async () => {
      await navigate('/app/host/webhooks');
      return again();
    },
  });
  return (
    <>
      <Button busy={test.isPending} onClick={() => test.mutate()}>
        {t('test')}
      </Button>
      <Button look="secondary" onClick={() => setAsking('rotate')}>
        {t('rotate')}
      </Button>
      <Button look="secondary" busy={able.isPending} onClick={() => able.mutate(endpoint.status !== 'disabled')}>
        {endpoint.status === 'disabled' ? t('enable') : t('disable')}
      </Button>
      <Button look="danger" onClick={() => setAsking('remove')}>
        {t('remove')}
      </Button>
      <ErrorNotice error={test.error ?? able.error} />
      <ConfirmDialog open={asking === 'remove'} title={t('askRemove')} confirm={t('remove')} busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()} onClose={() => setAsking(null)}>
        <p>{t('meansRemove')}</p>
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === 'rotate' && !rotate.data}
        title={t('askRotate')}
        confirm={t('rotate')}
        look="primary"
        busy={rotate.isPending}
        error={rotate.error}
        onConfirm={() => rotate.mutate()}
        onClose={() => setAsking(null)}
      >
        <p>{t('meansRotate')}</p>
      </ConfirmDialog>
      <Dialog
        wide
        open={asking === 'rotate' && !!rotate.data}
        title={t('rotated')}
        onClose={() => {
          setAsking(null);
          rotate.reset();
        }}
      >
        {rotate.data && <SecretOnce secret={rotate.data.secret} publicKey={rotate.data.endpoint.public_key} />}
      </Dialog>
    </>
  );
}

function Settings({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation('webhooks');
  const client = useQueryClient();
  const say = useToast();
  const { url, description, types, signature, timeout_s } = endpoint;
  const form = useForm<EndpointValues>({ defaultValues: { url, description: description ?? '', types: types as EndpointValues['types'], signature, timeout_s } });
  const save = useMutation({
    mutationFn: (values: EndpointValues) => call(api.PUT('/webhooks/{endpoint_id}', { params: { path: { endpoint_id: endpoint.id } }, body: toRequest(values) })),
    onSuccess: () => {
      say(t('common:saved'));
      return client.invalidateQueries({ queryKey: ['webhooks'] });
    },
    onError: (error) => setFieldErrors(error, ownFields, form.setError),
  });
  return (
    <Card title={t('settings')}>
      {endpoint.from_profile && <Notice>{t('fromProfileHint')}</Notice>}
      <form className="flex flex-col gap-4" noValidate onSubmit={(event) => void form.handleSubmit((values) => save.mutate(values))(event)}>
        <EndpointFields form={form} />
        <ErrorNotice error={save.error} />
        <Button type="submit" className="self-end" busy={save.isPending}>
          {t('common:save')}
        </Button>
      </form>
    </Card>
  );
}

function Deliveries({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation('webhooks');
  const format = useFormat();
  const [params, change] = useQueryParts();
  const state = STATES.find((each) => each === params.get('state'));
  const [opened, setOpened] = useState<string | null>(null);
  const [replaying, setReplaying] = useState(false);
  const query = usePages(
    ['webhooks', endpoint.id, 'deliveries', state],
    (after, signal) => call(api.GET('/webhooks/{endpoint_id}/deliveries', { params: { path: { endpoint_id: endpoint.id }, query: { state, after } }, signal })),
    { refetchInterval: 5000 },
  );
  const deliveries = query.data?.pages.flatMap((page) => page.deliveries) ?? [];
  return (
    <Card
      title={t('deliveries')}
      actions={
        <Button look="secondary" onClick={() => setReplaying(true)}>
          {t('replaySpan')}
        </Button>
      }
    >
      <div className="max-w-xs">
        <Select label={t('state')} value={state ?? ''} onChange={(event) => change('state', event.target.value)}>
          <option value="">{t('everything')}</option>
          {STATES.map((each) => (
            <option key={each} value={each}>
              {t(`states.${each}`)}
            </option>
          ))}
        </Select>
      </div>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-10 w-full" />}
      {query.isSuccess && deliveries.length === 0 && <Empty title={t('noDeliveries')}>{t('noDeliveriesHint')}</Empty>}
      {deliveries.length > 0 && (
        <Table hideCaption caption={t('deliveries')} head={[t('created'), t('type'), t('state'), t('attempts'), t('last'), '']} numbers={[3]}>
          {deliveries.map((delivery) => (
            <tr key={delivery.webhook_id}>
              <Cell className="whitespace-nowrap">{format.dayAndTime(delivery.created_at)}</Cell>
              <Cell className="font-mono text-sm">{delivery.type}</Cell>
              <Cell>
                <Badge tone={TONES[delivery.state]}>{t(`states.${delivery.state}`)}</Badge>
                {delivery.next_attempt_at && <span className="block pt-1 text-sm text-muted">{t('next', { when: format.relative(delivery.next_attempt_at) })}</span>}
              </Cell>
              <Cell number>{format.number(delivery.attempts)}</Cell>
              <Cell>{[delivery.last_status, delivery.last_error].filter(Boolean).join(' · ') || '–'}</Cell>
              <Cell>
                <Button look="quiet" onClick={() => setOpened(delivery.webhook_id)} aria-label={t('openOne', { type: delivery.type, time: format.dayAndTime(delivery.created_at) })}>
                  {t('open')}
                </Button>
              </Cell>
            </tr>
          ))}
        </Table>
      )}
      <More query={query} />
      <Dialog wide open={opened !== null} title={t('delivery')} onClose={() => setOpened(null)}>
        {opened && <Delivery endpoint={endpoint} id={opened} />}
      </Dialog>
      {replaying && <ReplayDialog endpoint={endpoint} onClose={() => setReplaying(false)} />}
    </Card>
  );
}

function Delivery({ endpoint, id }: { endpoint: Endpoint; id: string }) {
  const { t } = useTranslation('webhooks');
  const say = useToast();
  const client = useQueryClient();
  const params = { path: { endpoint_id: endpoint.id, webhook_id: id } };
  const query = useQuery({
    queryKey: ['webhooks', endpoint.id, 'delivery', id],
    queryFn: ({ signal }) => call(api.GET('/webhooks/{endpoint_id}/deliveries/{webhook_id}', { params, signal })),
  });
  const replay = useMutation({
    mutationFn: () => call(api.POST('/webhooks/{endpoint_id}/deliveries/{webhook_id}/replay', { params, headers: keyed() })),
    onSuccess: () => {
      say(t('replayed', { count: 1 }));
      return client.invalidateQueries({ queryKey: ['webhooks', endpoint.id] });
    },
  });
  if (query.isPending) return <Loading count={2} />;
  if (query.error) return <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />;
  const { delivery, body, attempts } = query.data;
  return (
    <>
      <p className="font-mono text-sm break-all text-muted select-all">{delivery.webhook_id}</p>
      <DeliveryDetails body={body} attempts={attempts} />
      <ErrorNotice error={replay.error} />
      <Button className="self-end" busy={replay.isPending} onClick={() => replay.mutate()}>
        {t('replay')}
      </Button>
    </>
  );
}

type Span = { from: string; to: string; state: 'dead' | 'delivered' | 'all' };

function ReplayDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { t } = useTranslation('webhooks');
  const say = useToast();
  const client = useQueryClient();
  const form = useForm<Span>({ defaultValues: { from: '', to: '', state: 'dead' } });
  const replay = useMutation({
    mutationFn: ({ from, to, state }: Span) =>
      call(
        api.POST('/webhooks/{endpoint_id}/replay', {
          params: { path: { endpoint_id: endpoint.id } },
          headers: keyed(),
          body: { from: new Date(from).toISOString(), state, ...(to && { to: new Date(to).toISOString() }) },
        }),
      ),
    onSuccess: ({ replayed }) => {
      say(t('replayed', { count: replayed }));
      onClose();
      return client.invalidateQueries({ queryKey: ['webhooks', endpoint.id] });
    },
  });
  return (
    <Dialog open title={t('replaySpan')} onClose={onClose}>
      <p className="text-muted">{t('replaySpanHint')}</p>
      <form className="flex flex-col gap-4" noValidate onSubmit={(event) => void form.handleSubmit((values) => replay.mutate(values))(event)}>
        <TextField type="datetime-local" label={t('from')} error={form.formState.errors.from?.message} {...form.register('from', { required: t('fromNeeded') })} />
        <TextField type="datetime-local" optional label={t('to')} {...form.register('to')} />
        <Select label={t('which')} {...form.register('state')}>
          <option value="dead">{t('states.dead')}</option>
          <option value="delivered">{t('states.delivered')}</option>
          <option value="all">{t('everything')}</option>
        </Select>
        <ErrorNotice error={replay.error} />
        <Button type="submit" className="self-end" busy={replay.isPending}>
          {t('replay')}
        </Button>
      </form>
    </Dialog>
  );
}
