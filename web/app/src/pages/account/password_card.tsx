import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { ConfirmError } from './confirm';
import { CurrentPasswordField, NewPasswordField } from './password_field';
import { SHORTEST_PASSWORD } from './passwords';
import { useProblem } from './problems';

export function PasswordCard() {
  const { t } = useTranslation('account');
  const [open, setOpen] = useState(false);
  const [changed, setChanged] = useState(false);
  return (
    <Card
      title={t('security.password')}
      actions={
        !open && (
          <Button
            look="secondary"
            onClick={() => {
              setOpen(true);
              setChanged(false);
            }}
          >
            {t('security.passwordChange')}
          </Button>
        )
      }
    >
      {changed && <Notice kind="good" role="status" title={t('security.passwordChanged')} />}
      {open ? (
        <PasswordForm
          onClose={(done) => {
            setOpen(false);
            setChanged(done);
          }}
        />
      ) : (
        <p className="text-muted">{t('security.passwordText')}</p>
      )}
    </Card>
  );
}

function PasswordForm({ onClose }: { onClose: (done: boolean) => void }) {
  const { t } = useTranslation('account');
  const { profile } = useSession();
  const client = useQueryClient();
  const problem = useProblem();
  const { register, handleSubmit, setError, setFocus, formState } = useForm({ defaultValues: { current_password: '', new_password: '' } });
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
      onError: (error) => {
        const known = problem(error);
        if (known?.field === 'new_password' || known?.field === 'current_password') {
          setError(known.field, { message: known.sentence });
          setFocus(known.field);
        }
      },
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
      <ConfirmError error={change.error} />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" busy={change.isPending}>
          {t('security.passwordChange')}
        </Button>
        <Button look="quiet" onClick={() => onClose(false)}>
          {t('common:cancel')}
        </Button>
      </div>
    </form>
  );
}
