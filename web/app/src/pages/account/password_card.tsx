import { useQueryClient } from '@tanstack/react-query';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { Notice } from '../../ui/notice';
import { ChangeCard, FormEnd } from './change_card';
import { CurrentPasswordField, NewPasswordField } from './password_field';
import { SHORTEST_PASSWORD } from './passwords';
import { useProblemBeside } from './problems';

export function PasswordCard() {
  const { t } = useTranslation('account');
  return (
    <ChangeCard
      title={t('security.password')}
      change={t('security.passwordChange')}
      form={(close) => <PasswordForm onClose={close} />}
      said={() => <Notice kind="good" role="status" title={t('security.passwordChanged')} />}
    >
      <p className="text-muted">{t('security.passwordText')}</p>
    </ChangeCard>
  );
}

function PasswordForm({ onClose }: { onClose: (done: true | null) => void }) {
  const { t } = useTranslation('account');
  const { profile } = useSession();
  const client = useQueryClient();
  const form = useForm({ defaultValues: { current_password: '', new_password: '' } });
  const { register, handleSubmit, formState } = form;
  const beside = useProblemBeside(form, 'new_password', 'current_password');
  const change = useCommand(
    (values: { current_password: string; new_password: string }, headers) =>
      call(
        api.POST('/auth/password', {
          body: { new_password: values.new_password, ...(values.current_password && { current_password: values.current_password }) },
          headers,
        }),
      ),
    {
      onSuccess: async () => {
        onClose(true);
        await client.invalidateQueries({ queryKey: ['account'] });
      },
      onError: beside,
    },
  );
  return (
    <form noValidate onSubmit={(event) => void handleSubmit((values) => change.mutate(values))(event)} className="flex max-w-md flex-col gap-4">
      <input type="text" autoComplete="username" value={profile?.email ?? ''} readOnly hidden />
      <CurrentPasswordField field={(rules) => register('current_password', rules)} error={formState.errors.current_password?.message} />
      <NewPasswordField
        label={t('password.new')}
        own={[profile?.name ?? '', profile?.email ?? '']}
        error={formState.errors.new_password?.message}
        {...register('new_password', { validate: (password) => [...password].length >= SHORTEST_PASSWORD || t('password.weakness.short') })}
      />
      <p className="text-sm text-muted">{t('security.passwordEnds')}</p>
      <FormEnd error={change.error} busy={change.isPending} submit={t('security.passwordChange')} onCancel={() => onClose(null)} />
    </form>
  );
}
