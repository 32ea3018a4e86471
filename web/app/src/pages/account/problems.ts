/** Refusals that concern one field of this area's forms, in words. */
import { useCallback } from 'react';
import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../../api/client';

/** What the server says of weak passwords, as the end of "password …". */
const WEAKNESSES: Record<string, string> = {
  'must have at least 8 characters': 'short',
  'is among the first that are guessed': 'common',
  'only repeats or counts': 'pattern',
  'is too much like the name or the address': 'own',
};

export type Problem = { field: 'current_password' | 'new_password' | 'email' | 'code'; sentence: string };

/** Null where the refusal concerns no field; `code` is the field for codes of the second factor. */
export function useProblem(): (error: unknown) => Problem | null {
  const { t } = useTranslation('account');
  return useCallback(
    (error: unknown) => {
      if (!(error instanceof ApiError)) return null;
      const { code, details } = error;
      const weakness = details.new_password ?? details.password;
      if (code === 'password_too_weak') return { field: 'new_password', sentence: t(`password.weakness.${WEAKNESSES[String(weakness)] ?? 'other'}`) };
      if (code === 'invalid_credentials' && details.current_password) return { field: 'current_password', sentence: t('password.wrong') };
      if (code === 'reauthentication_required' && details.current_password) return { field: 'current_password', sentence: t('password.needed') };
      if (code === 'invalid_code' && !details.challenge) return { field: 'code', sentence: t('code.wrong') };
      if (code === 'email_taken') return { field: 'email', sentence: t('email.taken') };
      if (code === 'validation_error' && details.email) return { field: 'email', sentence: t('email.invalid') };
      return null;
    },
    [t],
  );
}

/** Says a refusal beside the field that it concerns, where that is one of these. */
export function useProblemBeside<Values extends FieldValues>(
  { setError, setFocus }: Pick<UseFormReturn<Values>, 'setError' | 'setFocus'>,
  ...fields: (Path<Values> & Problem['field'])[]
): (error: unknown) => void {
  const problem = useProblem();
  return (error) => {
    const known = problem(error);
    const field = fields.find((each) => each === known?.field);
    if (!known || !field) return;
    setError(field, { message: known.sentence });
    setFocus(field);
  };
}

/** What is no e-mail address on sight; whether it is one only a mail can tell. */
export const EMAIL_PATTERN = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
