import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { TextField } from '../../ui/field';
import { Notice } from '../../ui/notice';
import { Badge } from '../../ui/page';
import { ChangeCard, FormEnd } from './change_card';
import { CurrentPasswordField } from './password_field';
import { EMAIL_PATTERN, useProblemBeside } from './problems';

export function EmailCard() {
  const { t } = useTranslation('account');
  const { profile } = useSession();
  return (
    <ChangeCard
      title={t('email.label')}
      change={t('email.change')}
      form={(close) => <EmailForm onClose={close} />}
      said={(sentTo: string) => (
        <Notice kind="good" role="status" title={t('email.sent', { email: sentTo })}>
          <p>{t('email.until')}</p>
        </Notice>
      )}
    >
      <p className="flex flex-wrap items-center gap-3">
        <span className="break-all">{profile?.email}</span>
        {profile && <Badge tone={profile.is_verified ? 'good' : 'warn'}>{t(profile.is_verified ? 'email.verified' : 'email.notVerified')}</Badge>}
      </p>
    </ChangeCard>
  );
}

function EmailForm({ onClose }: { onClose: (sentTo: string | null) => void }) {
  const { t } = useTranslation('account');
  const form = useForm({ defaultValues: { email: '', current_password: '' } });
  const { register, handleSubmit, formState } = form;
  const beside = useProblemBeside(form, 'email', 'current_password');
  const change = useCommand(
    async ({ email, current_password }: { email: string; current_password: string }, headers) => {
      await call(api.POST('/auth/email', { body: { email, ...(current_password && { current_password }) }, headers }));
      return email;
    },
    {
      onSuccess: onClose,
      onError: beside,
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
      <FormEnd error={change.error} busy={change.isPending} submit={t('email.mailLink')} onCancel={() => onClose(null)} />
    </form>
  );
}
