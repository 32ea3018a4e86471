/** The second factor: setting it up, its recovery codes, doing without it. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { ShieldCheck } from 'lucide-react';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { refreshSession, setSecondFactorDue } from '../../session/flag';
import { profileQuery, useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { Secret } from '../../ui/copy';
import { Dialog } from '../../ui/dialog';
import { TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Card } from '../../ui/page';
import { QrCode } from '../../ui/qr';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { codeLooksRight } from './code_form';
import { ConfirmError } from './confirm';
import { PasswordDialogForm } from './password_dialog_form';
import { CurrentPasswordField } from './password_field';
import { useProblem } from './problems';
import { RecoveryCodes } from './recovery_codes';

type Task = 'begin' | 'renew' | 'remove' | null;

export function SecondFactorCard() {
  const { t } = useTranslation('account');
  const format = useFormat();
  const client = useQueryClient();
  const say = useToast();
  const { profile } = useSession();
  const [task, setTask] = useState<Task>(null);
  const [codes, setCodes] = useState<string[] | null>(null); // until they are kept: nothing that is closed by mistake shows them
  const { data, error, refetch } = useQuery({ queryKey: ['account', 'factor'], queryFn: ({ signal }) => call(api.GET('/profile/second-factor', { signal })) });
  const close = () => setTask(null);
  const changed = () => void client.invalidateQueries({ queryKey: ['account'] });
  const show = (given: string[]) => {
    close();
    changed();
    setCodes(given);
  };

  return (
    <Card title={t('factor.title')} actions={data && <Badge tone={data.active ? 'good' : 'plain'}>{t(data.active ? 'factor.on' : 'factor.off')}</Badge>}>
      {error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : null}
      {!data && !error && <Loading count={1} className="h-20 w-full" />}
      {codes && <RecoveryCodes codes={codes} account={profile?.email ?? ''} onClose={() => setCodes(null)} />}
      {data && !codes && !data.active && (
        <>
          {data.required ? (
            <Notice kind="warn" title={t('factor.dueTitle')}>
              <p>{t('factor.dueText')}</p>
            </Notice>
          ) : (
            <p className="text-muted">{t('factor.offText')}</p>
          )}
          <Button className="self-start" onClick={() => setTask('begin')}>
            <ShieldCheck aria-hidden className="size-5" />
            {t('factor.setUp')}
          </Button>
        </>
      )}
      {data?.active && !codes && (
        <>
          <p>{data.confirmed_at && t('factor.onText', { day: format.shortDay(data.confirmed_at) })}</p>
          <p className={data.recovery_codes_left < 3 ? 'font-semibold text-warn' : 'text-muted'}>{t('factor.left', { count: data.recovery_codes_left })}</p>
          <div className="flex flex-wrap gap-2">
            <Button look="secondary" onClick={() => setTask('renew')}>
              {t('factor.renew')}
            </Button>
            {!data.required && (
              <Button look="danger" onClick={() => setTask('remove')}>
                {t('factor.remove')}
              </Button>
            )}
          </div>
          {data.required && <p className="text-sm text-muted">{t('factor.enforced')}</p>}
        </>
      )}
      <Dialog open={task === 'begin'} title={t('factor.setUp')} onClose={close}>
        <Begin onClose={close} onCodes={show} />
      </Dialog>
      <Dialog open={task === 'renew'} title={t('factor.renew')} onClose={close}>
        <Renew onClose={close} onCodes={show} />
      </Dialog>
      <Dialog open={task === 'remove'} title={t('factor.remove')} onClose={close}>
        <Remove
          onClose={close}
          onDone={() => {
            close();
            changed();
            say(t('factor.removed'));
          }}
        />
      </Dialog>
    </Card>
  );
}

/** Password, then the app's QR code and its first code, then the recovery codes. */
function Begin({ onClose, onCodes }: { onClose: () => void; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const begin = useCommand((current_password: string, headers) =>
    call(api.POST('/profile/second-factor', { body: current_password ? { current_password } : {}, headers })),
  );
  const confirm = useCommand((code: string, headers) => call(api.POST('/profile/second-factor/confirm', { body: { code }, headers })), {
    onSuccess: async ({ recovery_codes }) => {
      onCodes(recovery_codes);
      setSecondFactorDue(false);
      await refreshSession(true); // the role counts from now on
      await client.invalidateQueries({ queryKey: profileQuery.queryKey });
    },
  });
  if (!begin.data)
    return (
      <>
        <p>{t('factor.beginText')}</p>
        <PasswordDialogForm submit={t('factor.goOn')} busy={begin.isPending} error={begin.error} onSubmit={begin.mutate} onClose={onClose} />
      </>
    );
  return (
    <>
      <ol className="flex list-decimal flex-col gap-4 ps-5 marker:font-semibold">
        <li>{t('factor.step1')}</li>
        <li>
          <p>{t('factor.step2')}</p>
          <div className="my-3 flex justify-center">
            <QrCode text={begin.data.otpauth_uri} label={t('factor.qr')} />
          </div>
          <details>
            <summary className="cursor-pointer py-1 text-brand underline underline-offset-4">{t('factor.byHand')}</summary>
            <div className="mt-2 flex flex-col gap-2">
              <p className="text-sm text-muted">{t('factor.byHandText')}</p>
              <Secret text={begin.data.secret} label={t('factor.secret')} />
            </div>
          </details>
        </li>
        <li>{t('factor.step3')}</li>
      </ol>
      <CodeFields
        submit={t('factor.activate')}
        appOnly
        busy={confirm.isPending}
        error={confirm.error}
        onSubmit={({ code }) => confirm.mutate(code)}
        onClose={onClose}
      />
    </>
  );
}

function Renew({ onClose, onCodes }: { onClose: () => void; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation('account');
  const renew = useCommand((code: string, headers) => call(api.POST('/profile/second-factor/recovery-codes', { body: { code }, headers })), {
    onSuccess: ({ recovery_codes }) => onCodes(recovery_codes),
  });
  return (
    <>
      <p>{t('factor.renewText')}</p>
      <CodeFields submit={t('factor.renew')} appOnly busy={renew.isPending} error={renew.error} onSubmit={({ code }) => renew.mutate(code)} onClose={onClose} />
    </>
  );
}

function Remove({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation('account');
  const remove = useCommand(
    ({ code, current_password }: Codes, headers) =>
      call(api.DELETE('/profile/second-factor', { body: { code, ...(current_password && { current_password }) }, headers })),
    { onSuccess: onDone },
  );
  return (
    <>
      <p>{t('factor.removeText')}</p>
      <CodeFields submit={t('factor.remove')} danger withPassword busy={remove.isPending} error={remove.error} onSubmit={remove.mutate} onClose={onClose} />
    </>
  );
}

type Codes = { code: string; current_password: string };

function CodeFields({
  submit,
  appOnly = false,
  withPassword = false,
  danger = false,
  busy,
  error,
  onSubmit,
  onClose,
}: {
  submit: string;
  appOnly?: boolean;
  withPassword?: boolean;
  danger?: boolean;
  busy: boolean;
  error: unknown;
  onSubmit: (codes: Codes) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation('account');
  const problem = useProblem();
  const { register, handleSubmit, formState } = useForm<Codes>({ defaultValues: { code: '', current_password: '' } });
  const { errors } = formState;
  const refused = problem(error);
  const refusalOf = (field: string) => (refused?.field === field ? refused.sentence : undefined);
  return (
    <form
      noValidate
      onSubmit={(event) => void handleSubmit(({ code, ...rest }) => onSubmit({ code: code.trim(), ...rest }))(event)}
      className="flex flex-col gap-4"
    >
      <TextField
        label={t(appOnly ? 'code.appLabel' : 'code.eitherLabel')}
        error={errors.code?.message ?? refusalOf('code')}
        autoComplete="one-time-code"
        inputMode={appOnly ? 'numeric' : 'text'}
        spellCheck={false}
        maxLength={32}
        className="max-w-56 font-mono text-xl tracking-widest"
        {...register('code', { validate: (code) => codeLooksRight(code) || t(appOnly ? 'code.appNeeded' : 'code.eitherNeeded') })}
      />
      {withPassword && (
        <CurrentPasswordField
          field={(rules) => register('current_password', rules)}
          error={errors.current_password?.message ?? refusalOf('current_password')}
        />
      )}
      <div role="alert" className="sr-only">
        {refused?.sentence}
      </div>
      <ConfirmError error={error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="secondary" onClick={onClose}>
          {t('common:cancel')}
        </Button>
        <Button type="submit" look={danger ? 'danger' : 'primary'} busy={busy}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
