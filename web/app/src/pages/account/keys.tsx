/** API keys: for machines that act as their owner, as far as each key goes. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { Secret } from '../../ui/copy';
import { ConfirmDialog, Dialog } from '../../ui/dialog';
import { setFieldErrors } from '../../ui/errors';
import { Checkbox, Select, TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Card, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { ConfirmError } from './confirm';
import { CurrentPasswordField } from './password_field';
import { useProblem } from './problems';

type ApiKey = Schemas['ApiKey'];
type Scope = Schemas['KeyScope'];
type Made = { key: string; api_key: ApiKey };

const keysQuery = { queryKey: ['account', 'keys'], queryFn: ({ signal }: { signal: AbortSignal }) => call(api.GET('/profile/keys', { signal })) };

export default function KeysPage() {
  const { t } = useTranslation('account');
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const { data, error, refetch } = useQuery(keysQuery);
  const make = (
    <Button onClick={() => setMaking(true)}>
      <Plus aria-hidden className="size-5" />
      {t('keys.make')}
    </Button>
  );
  return (
    <Page title={t('keys.title')} lead={t('keys.lead')} actions={data && data.keys.length > 0 && make}>
      {made && (
        <Notice kind="good" role="status" title={t('keys.made', { name: made.api_key.name })}>
          <p>{t('keys.once')}</p>
          <div className="mt-2">
            <Secret text={made.key} label={t('keys.key')} />
          </div>
          <Button look="secondary" className="mt-2 self-start" onClick={() => setMade(null)}>
            {t('keys.hide')}
          </Button>
        </Notice>
      )}
      {error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : null}
      {!data && !error && <Loading count={2} />}
      {data?.keys.length === 0 && (
        <Empty title={t('keys.none')} action={make}>
          {t('keys.noneText')}
        </Empty>
      )}
      {data?.keys.map((key) => (
        <KeyCard key={key.id} apiKey={key} onRevoke={() => setRevoking(key)} />
      ))}
      <p className="text-muted">
        {t('keys.docs')}{' '}
        <a href="/docs" className="text-brand underline underline-offset-4">
          {t('common:footer.api')}
        </a>
      </p>
      <Dialog open={making} title={t('keys.make')} onClose={() => setMaking(false)}>
        <KeyForm
          onClose={() => setMaking(false)}
          onMade={(given) => {
            setMaking(false);
            setMade(given);
          }}
        />
      </Dialog>
      <Revoke apiKey={revoking} onClose={() => setRevoking(null)} onRevoked={(id) => made?.api_key.id === id && setMade(null)} />
    </Page>
  );
}

function KeyCard({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: () => void }) {
  const { t } = useTranslation('account');
  const format = useFormat();
  const used = apiKey.last_used_at
    ? t('keys.used', { when: format.relative(apiKey.last_used_at), address: apiKey.last_used_address ?? '–' })
    : t('keys.unused');
  return (
    <Card
      title={
        <span className="flex items-center gap-2 break-words">
          <KeyRound aria-hidden className="size-5 shrink-0 text-muted" />
          {apiKey.name}
        </span>
      }
      actions={
        <Button look="danger" onClick={onRevoke} aria-label={t('keys.revokeLabel', { name: apiKey.name })}>
          {t('keys.revoke')}
        </Button>
      }
    >
      <p className="flex flex-wrap gap-2">
        {apiKey.scopes.map((scope) => (
          <Badge key={scope} tone="brand">
            {t(`keys.scope.${scope}`)}
          </Badge>
        ))}
      </p>
      <dl className="grid gap-x-6 gap-y-1 text-sm sm:grid-cols-2">
        {(
          [
            [t('keys.start'), <code key="start">{apiKey.start}…</code>],
            [t('keys.lastUse'), used],
            [t('keys.created'), format.shortDay(apiKey.created_at)],
            [t('keys.expires'), format.shortDay(apiKey.expires_at)],
            ...(apiKey.rate_limit ? [[t('keys.limit'), t('keys.limitValue', { count: apiKey.rate_limit })] as const] : []),
          ] as const
        ).map(([name, value]) => (
          <div key={name} className="flex flex-wrap gap-x-2">
            <dt className="text-muted">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

type Values = { name: string; scopes: Scope[]; expires_in_days: string; rate_limit: string; current_password: string };

const DAYS = [7, 30, 90, 365, 730];

function KeyForm({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const { t } = useTranslation('account');
  const { isFacilitator } = useSession();
  const client = useQueryClient();
  const problem = useProblem();
  const { register, handleSubmit, setError, setFocus, formState } = useForm<Values>({
    defaultValues: { name: '', scopes: ['read'], expires_in_days: '90', rate_limit: '', current_password: '' },
  });
  const { errors } = formState;
  const make = useCommand(
    ({ name, scopes, expires_in_days, rate_limit, current_password }: Values, headers) =>
      call(
        api.POST('/profile/keys', {
          body: {
            name: name.trim(),
            scopes,
            expires_in_days: Number(expires_in_days),
            ...(rate_limit && { rate_limit: Number(rate_limit) }),
            ...(current_password && { current_password }),
          },
          headers,
        }),
      ),
    {
      onSuccess: async (made) => {
        onMade(made);
        await client.invalidateQueries({ queryKey: keysQuery.queryKey });
      },
      onError: (error) => {
        const known = problem(error);
        if (known?.field === 'current_password') {
          setError('current_password', { message: known.sentence });
          setFocus('current_password');
        } else setFieldErrors<Values>(error, ['name', 'rate_limit', 'expires_in_days'], setError);
      },
    },
  );
  const scopes: Scope[] = isFacilitator ? ['read', 'book', 'events', 'webhooks'] : ['read', 'book'];
  return (
    <form noValidate onSubmit={(event) => void handleSubmit((values) => make.mutate(values))(event)} className="flex flex-col gap-4">
      <TextField
        label={t('keys.name')}
        hint={t('keys.nameHint')}
        autoComplete="off"
        maxLength={100}
        error={errors.name?.message}
        {...register('name', { validate: (name) => name.trim() !== '' || t('keys.nameNeeded') })}
      />
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 font-medium">{t('keys.scopes')}</legend>
        {scopes.map((scope) => (
          <Checkbox
            key={scope}
            value={scope}
            label={t(`keys.scope.${scope}`)}
            hint={t(`keys.scopeText.${scope}`)}
            {...register('scopes', { validate: (chosen) => chosen.length > 0 || t('keys.scopesNeeded') })}
          />
        ))}
        {errors.scopes && (
          <p role="alert" className="text-sm font-medium text-bad">
            {errors.scopes.message}
          </p>
        )}
      </fieldset>
      <div className="grid gap-4 sm:grid-cols-2">
        <Select label={t('keys.good')} error={errors.expires_in_days?.message} {...register('expires_in_days')}>
          {DAYS.map((days) => (
            <option key={days} value={days}>
              {t('keys.days', { count: days })}
            </option>
          ))}
        </Select>
        <TextField
          type="number"
          min={1}
          max={1_000_000}
          step={1}
          inputMode="numeric"
          optional
          label={t('keys.limit')}
          hint={t('keys.limitHint')}
          error={errors.rate_limit?.message}
          {...register('rate_limit', {
            validate: (limit) => limit === '' || (/^\d+$/.test(limit) && Number(limit) >= 1 && Number(limit) <= 1_000_000) || t('keys.limitWrong'),
          })}
        />
      </div>
      <CurrentPasswordField field={(rules) => register('current_password', rules)} error={errors.current_password?.message} />
      <ConfirmError error={make.error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="secondary" onClick={onClose}>
          {t('common:cancel')}
        </Button>
        <Button type="submit" busy={make.isPending}>
          {t('keys.make')}
        </Button>
      </div>
    </form>
  );
}

function Revoke({ apiKey, onClose, onRevoked }: { apiKey: ApiKey | null; onClose: () => void; onRevoked: (id: number) => void }) {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const say = useToast();
  const revoke = useMutation({
    mutationFn: (key_id: number) => call(api.DELETE('/profile/keys/{key_id}', { params: { path: { key_id } } })),
    onSuccess: async (_, id) => {
      onRevoked(id);
      onClose();
      say(t('keys.revoked'));
      await client.invalidateQueries({ queryKey: keysQuery.queryKey });
    },
  });
  return (
    <ConfirmDialog
      open={apiKey !== null}
      title={t('keys.revokeTitle', { name: apiKey?.name ?? '' })}
      confirm={t('keys.revoke')}
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => apiKey && revoke.mutate(apiKey.id)}
      onClose={() => {
        revoke.reset();
        onClose();
      }}
    >
      <p>{t('keys.revokeText')}</p>
    </ConfirmDialog>
  );
}
