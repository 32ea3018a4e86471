/** Fields for passwords: what is typed can be looked at, and nothing hinders pasting or managers. */
import { useQuery } from '@tanstack/react-query';
import { Eye, EyeOff } from 'lucide-react';
import { type ComponentPropsWithRef, type ReactNode, useState } from 'react';
import type { UseFormRegisterReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { box, Field } from '../../ui/field';
import { LONGEST_PASSWORD, type Strength, passwordStrength } from './passwords';
import { siteQuery } from './site';

type Props = Omit<ComponentPropsWithRef<'input'>, 'type'> & { label: string; hint?: ReactNode; error?: string | undefined };

export function PasswordField({ label, hint, error, ...rest }: Props) {
  const { t } = useTranslation('account');
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => (
        <div className="relative">
          <input
            {...rest}
            {...wiring}
            type={shown ? 'text' : 'password'}
            maxLength={LONGEST_PASSWORD}
            autoCapitalize="none"
            spellCheck={false}
            className={`${box} min-h-11 pe-12`}
          />
          <button
            type="button"
            onClick={() => setShown(!shown)}
            aria-pressed={shown}
            aria-label={t('password.show')}
            title={t('password.show')}
            className="absolute end-1 top-1 grid size-9 cursor-pointer place-items-center rounded-md text-muted hover:bg-sunken"
          >
            <Icon aria-hidden className="size-5" />
          </button>
        </div>
      )}
    </Field>
  );
}

/** For "is it really you?". Accounts that came by Google may have none. */
export function CurrentPasswordField({ field, error }: { field: (rules: { required: string | false }) => UseFormRegisterReturn; error: string | undefined }) {
  const { t } = useTranslation('account');
  const { data: site } = useQuery(siteQuery);
  const mayHaveNone = site?.google ?? true;
  return (
    <PasswordField
      label={t('password.current')}
      hint={mayHaveNone && site && t('password.currentHint')}
      autoComplete="current-password"
      error={error}
      {...field({ required: !mayHaveNone && t('password.needed') })}
    />
  );
}

const bars = ['bg-bad', 'bg-bad', 'bg-warn', 'bg-good', 'bg-good'] as const;

/** For a new one: says how easily it is guessed while it is typed. */
export function NewPasswordField({ own = [], onInput, ...rest }: Props & { own?: string[] }) {
  const { t } = useTranslation('account');
  const [password, setPassword] = useState('');
  return (
    <div className="flex flex-col gap-2">
      <PasswordField
        autoComplete="new-password"
        hint={t('password.hint')}
        {...rest}
        onInput={(event) => {
          setPassword(event.currentTarget.value);
          onInput?.(event);
        }}
      />
      {password && <StrengthBar strength={passwordStrength(password, own)} />}
    </div>
  );
}

function StrengthBar({ strength }: { strength: Strength }) {
  const { t } = useTranslation('account');
  return (
    <div className="flex items-center gap-3">
      <div aria-hidden className="flex flex-1 gap-1">
        {[1, 2, 3, 4].map((step) => (
          <span key={step} className={`h-1.5 flex-1 rounded-full ${step <= Math.max(strength, 1) ? bars[strength] : 'bg-line'}`} />
        ))}
      </div>
      <p role="status" className="min-w-24 text-end text-sm font-medium">
        {t(`password.strength.${strength}`)}
      </p>
    </div>
  );
}
