import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { TextField } from '../../ui/field';
import { Notice } from '../../ui/notice';
import { Badge, Card } from '../../ui/page';
import { ConfirmError } from './confirm';
import { CurrentPasswordField } from './password_field';
import { EMAIL_PATTERN, useProblem } from './problems';

export function EmailCard() {
  const { t } = useTranslation('account');
  const { profile } = useSession();
  const [open, setOpen] = useState(false);
  const [sentTo, setSentTo] = useState<string | null>(null);
  return (
    <Card
      title={t('email.label')}
      actions={
        !open && (
          <Button
            look="secondary"
            onClick={() => {
              setOpen(true);
              setSentTo(null);
            }}
          >
            {t('email.change')}
          </Button>
        )
      }
    >
      <p className="flex flex-wrap items-center gap-3">
        <span className="break-all">{profile?.email}</span>
        {profile && <Badge tone={profile.is_verified ? 'good' : 'warn'}>{t(profile.is_verified ? 'email.verified' : 'email.notVerified')}</Badge>}
      </p>
      {sentTo && (
        <Notice kind="good" role="status" title={t('email.sent', { email: sentTo })}>
          <p>{t('email.until')}</p>
        </Notice>
      )}
      {open && (
        <EmailForm
          onClose={(email) => {
            setOpen(false);
            setSentTo(email);
          }}
        />
      )}
    </Card>
  );
}

function EmailForm({ onClose }: { onClose: (sentTo: string | null) => void }) {
  const { t } = useTranslation('account');
  const problem = useProblem();
  const { register, handleSubmit, setError, setFocus, formState } = useForm({ defaultValues: { email: '', current_password: '' } });
  const change = useCommand(
    async ({ email, current_password }: { email: string; current_password: string }, headers) => {
      await call(api.POST('/auth/email', { body: { email, ...(current_password && { current_password }) }, headers }));
      return email;
    },
    {
      onSuccess: onClose,
      onError: (error) => {
        const known = problem(error);
        if (known?.field === 'email' || known?.field === 'current_password') {
          setError(known.field, { message: known.sentence });
          setFocus(known.field);
        }
      },
    },
  );
  return (
    <form
      noValidate
      onSubmit={(event) => void handleSubmit(({ email, ...rest }) => change.mutate({ email: email.trim(), ...rest }))(event)}
      className="flex max-w-md flex-col gap-4"
    >
      <TextField
        type="email"
        label={t('email.new')}
        hint={t('email.newHint')}
        autoComplete="email"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={254}
        error={formState.errors.email?.message}
        {...register('email', { validate: (email) => EMAIL_PATTERN.test(email.trim()) || t('email.invalid') })}
      />
      <CurrentPasswordField field={(rules) => register('current_password', rules)} error={formState.errors.current_password?.message} />
      <ConfirmError error={change.error} />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" busy={change.isPending}>
          {t('email.mailLink')}
        </Button>
        <Button look="quiet" onClick={() => onClose(null)}>
          {t('common:cancel')}
        </Button>
      </div>
    </form>
  );
}
