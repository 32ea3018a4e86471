/** The addresses that hear of what happens at one's events. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { Button } from '../../ui/button';
import { Secret } from '../../ui/copy';
import { Dialog } from '../../ui/dialog';
import { setFieldErrors } from '../../ui/errors';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { EndpointFields, type EndpointValues, newEndpoint, ownFields, toRequest } from './webhook_fields';

type Endpoint = Schemas['WebhookEndpoint'];

const TONES = { active: 'good', failing: 'warn', disabled: 'bad' } as const;

export function EndpointStatus({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation('webhooks');
  const reason = endpoint.disabled_reason ? ` · ${t(`disabled.${endpoint.disabled_reason}`)}` : '';
  return (
    <Badge tone={TONES[endpoint.status]}>
      {t(`status.${endpoint.status}`)}
      {reason}
    </Badge>
  );
}

export default function Webhooks() {
  const { t } = useTranslation('webhooks');
  const [adding, setAdding] = useState(false);
  const query = useQuery({ queryKey: ['webhooks'], queryFn: ({ signal }) => call(api.GET('/webhooks', { signal })) });
  const endpoints = query.data?.endpoints ?? [];
  const add = <Button onClick={() => setAdding(true)}>{t('add')}</Button>;
  return (
    <Page wide title={t('title')} lead={t('lead')} actions={endpoints.length > 0 && add}>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-20 w-full" count={2} />}
      {query.isSuccess && endpoints.length === 0 && (
        <Empty title={t('none')} action={add}>
          {t('noneHint')}
        </Empty>
      )}
      <ul className="flex flex-col gap-3">
        {endpoints.map((endpoint) => (
          <li key={endpoint.id} className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-surface p-5">
            <div className="min-w-0 flex-1 basis-72">
              <Link to={`/app/host/webhooks/${endpoint.id}`} className="font-mono break-all underline underline-offset-4">
                {endpoint.url}
              </Link>
              <p className="text-muted">
                {endpoint.description ? `${endpoint.description} · ` : ''}
                {endpoint.types.length === 0 ? t('allTypes') : t('types', { count: endpoint.types.length })}
                {endpoint.from_profile ? ` · ${t('fromProfile')}` : ''}
              </p>
            </div>
            <EndpointStatus endpoint={endpoint} />
          </li>
        ))}
      </ul>
      {adding && <AddDialog onClose={() => setAdding(false)} />}
    </Page>
  );
}

function AddDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('webhooks');
  const client = useQueryClient();
  const [key] = useState(newIdempotencyKey);
  const form = useForm<EndpointValues>({ defaultValues: newEndpoint });
  const create = useMutation({
    mutationFn: (values: EndpointValues) => call(api.POST('/webhooks', { body: toRequest(values), headers: { 'Idempotency-Key': key } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['webhooks'] }),
    onError: (error) => setFieldErrors(error, ownFields, form.setError),
  });
  if (create.data)
    return (
      <Dialog open wide title={t('made')} onClose={onClose}>
        <SecretOnce secret={create.data.secret} publicKey={create.data.endpoint.public_key} />
        <Button className="self-end" onClick={onClose}>
          {t('kept')}
        </Button>
      </Dialog>
    );
  return (
    <Dialog open wide title={t('add')} onClose={onClose}>
      <form className="flex flex-col gap-4" noValidate onSubmit={(event) => void form.handleSubmit((values) => create.mutate(values))(event)}>
        <EndpointFields form={form} />
        <ErrorNotice error={create.error} />
        <Button type="submit" className="self-end" busy={create.isPending}>
          {t('add')}
        </Button>
      </form>
    </Dialog>
  );
}

/** A signing secret, which is shown this once. */
export function SecretOnce({ secret, publicKey }: { secret: string | null; publicKey: string | null }) {
  const { t } = useTranslation('webhooks');
  return (
    <>
      <Notice kind="warn" title={t('once')}>
        <p>{t('onceHint')}</p>
      </Notice>
      {secret && <Secret label={t('secret')} text={secret} />}
      {publicKey && (
        <>
          <p className="font-medium">{t('publicKey')}</p>
          <Secret label={t('publicKey')} text={publicKey} />
        </>
      )}
    </>
  );
}
