/** Refusals in the reader's words. */
import { useCallback } from 'react';
import type { FieldValues, Path, UseFormSetError } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';

/** By the refusal's code in `common:refusal`; a code without words there is told in the server's own. */
export function useErrorSentence(): (error: unknown) => string {
  const { t, i18n } = useTranslation();
  return useCallback(
    (error: unknown) => {
      if (!(error instanceof ApiError)) return t('error.unexpected');
      const key = `refusal.${error.code}`;
      if (i18n.exists(key)) return t(key, { seconds: error.retryAfter ?? 0, ...error.details });
      if (error.status >= 500) return t('error.server');
      return error.message || t('error.unexpected');
    },
    [t, i18n],
  );
}

/** Says beside each field what the server found wrong with it. Answers whether every complaint found its field. */
export function setFieldErrors<Values extends FieldValues>(error: unknown, fields: readonly Path<Values>[], setError: UseFormSetError<Values>): boolean {
  if (!(error instanceof ApiError)) return false;
  const complaints = Object.entries(error.details).filter(([, reason]) => typeof reason === 'string');
  const known = complaints.filter(([name]) => (fields as readonly string[]).includes(name));
  known.forEach(([name, reason], index) => setError(name as Path<Values>, { message: String(reason) }, { shouldFocus: index === 0 }));
  return complaints.length > 0 && known.length === complaints.length;
}
