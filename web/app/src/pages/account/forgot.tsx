/** Has a link mailed that sets a new password. */
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { Button } from '../../ui/button';
import { TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { NarrowPage } from './narrow';
import { EMAIL_PATTERN } from './problems';

export default function ForgotPage() {
  const { t } = useTranslation('account');
  const [sentTo, setSentTo] = useState<string | null>(null);
  return (
    <NarrowPage title={t('forgot.title')} lead={t('forgot.lead')}>
      {sentTo ? (
        <Notice kind="good" role="status" title={t('forgot.sent', { email: sentTo })}>
          <p>{t('forgot.look')}</p>
          <Button look="secondary" className="mt-2 self-start" onClick={() => setSentTo(null)}>
            {t('forgot.again')}
          </Button>
        </Notice>
      ) : (
        <Card>
          <ForgotForm onSent={setSentTo} />
        </Card>
      )}
      <Link to="/app/login" className="self-start py-1 text-brand underline underline-offset-4">
        {t('forgot.back')}
      </Link>
    </NarrowPage>
  );
}

export function ForgotForm({ onSent }: { onSent: (email: string) => void }) {
  const { t } = useTranslation('account');
  const { register, handleSubmit, formState } = useForm({ defaultValues: { email: '' } });
  const ask = useCommand(
    async (email: string, headers) => {
      await call(api.POST('/auth/password/forgot', { body: { email }, headers }));
      return email;
    },
    { onSuccess: onSent },
  );
  return (
    <form noValidate onSubmit={(event) => void handleSubmit(({ email }) => ask.mutate(email.trim()))(event)} className="flex flex-col gap-4">
      <TextField
        type="email"
        label={t('email.label')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={254}
        error={formState.errors.email?.message}
        {...register('email', { validate: (email) => EMAIL_PATTERN.test(email.trim()) || t('email.invalid') })}
      />
      <ErrorNotice error={ask.error} />
      <Button type="submit" busy={ask.isPending}>
        {t('forgot.submit')}
      </Button>
    </form>
  );
}
