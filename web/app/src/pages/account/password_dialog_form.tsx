/** Asks for the present password before something grave; those who have none leave it empty. */
import { useEffect } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Button, type Look } from '../../ui/button';
import { ConfirmError } from './confirm';
import { CurrentPasswordField } from './password_field';
import { useProblem } from './problems';

export function PasswordDialogForm({
  submit,
  look = 'primary',
  busy,
  error,
  onSubmit,
  onClose,
}: {
  submit: string;
  look?: Look;
  busy: boolean;
  error: unknown;
  onSubmit: (password: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation('account');
  const problem = useProblem();
  const { register, handleSubmit, setError, setFocus, formState } = useForm({ defaultValues: { current_password: '' } });
  useEffect(() => {
    const known = problem(error);
    if (known?.field !== 'current_password') return;
    setError('current_password', { message: known.sentence });
    setFocus('current_password');
  }, [error, problem, setError, setFocus]);
  return (
    <form noValidate onSubmit={(event) => void handleSubmit(({ current_password }) => onSubmit(current_password))(event)} className="flex flex-col gap-4">
      <CurrentPasswordField field={(rules) => register('current_password', rules)} error={formState.errors.current_password?.message} />
      <ConfirmError error={error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="secondary" onClick={onClose}>
          {t('common:cancel')}
        </Button>
        <Button type="submit" look={look} busy={busy}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
