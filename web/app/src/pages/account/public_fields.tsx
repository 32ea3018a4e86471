/** What others read of a facilitator. */
import type { FieldErrors, FieldValues, Path, UseFormRegister } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { TextArea, TextField } from '../../ui/field';

type Values = FieldValues & { specialization: string; bio: string };

export function PublicFields<V extends Values>({ register, errors }: { register: UseFormRegister<V>; errors: FieldErrors<Values> }) {
  const { t } = useTranslation('account');
  return (
    <>
      <TextField
        optional
        label={t('profile.specialization')}
        hint={t('profile.specializationHint')}
        maxLength={200}
        error={errors.specialization?.message}
        {...register('specialization' as Path<V>)}
      />
      <TextArea
        optional
        label={t('profile.bio')}
        hint={t('profile.bioHint')}
        rows={6}
        maxLength={10000}
        error={errors.bio?.message}
        {...register('bio' as Path<V>)}
      />
    </>
  );
}
