/** Form fields: each has a label, and says beside it what is wrong with it. They pass on what react-hook-form's `register` gives. */
import { type ComponentPropsWithRef, type ReactNode, useId } from 'react';
import { useTranslation } from 'react-i18next';

/** How what one writes into looks. */
export const box = 'w-full rounded-lg border border-edge bg-surface px-3 py-2 text-base text-ink placeholder:text-muted aria-invalid:border-bad aria-invalid:ring-1 aria-invalid:ring-bad';

type Common = {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  /** Says so beside the label. */
  optional?: boolean;
  /** For where the context says it: the label is for screen readers only. */
  hideLabel?: boolean;
};
type Wiring = { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined };

/** Lays out a field; `children` makes the control from what wires it to its label, hint and error. */
export function Field({ label, hint, error, optional, hideLabel, children }: Common & { children: (wiring: Wiring) => ReactNode }) {
  const { t } = useTranslation();
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'font-medium'}>
        {label} {optional && <span className="font-normal text-muted">({t('optional')})</span>}
      </label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined })}
      {hint && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-sm font-medium text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

export function TextField({ label, hint, error, optional, hideLabel, className = '', ...rest }: Common & ComponentPropsWithRef<'input'>) {
  return <Field {...{ label, hint, error, optional, hideLabel }}>{(wiring) => <input type="text" {...rest} {...wiring} className={`${box} min-h-11 ${className}`} />}</Field>;
}

export function TextArea({ label, hint, error, optional, hideLabel, className = '', ...rest }: Common & ComponentPropsWithRef<'textarea'>) {
  return <Field {...{ label, hint, error, optional, hideLabel }}>{(wiring) => <textarea rows={4} {...rest} {...wiring} className={`${box} ${className}`} />}</Field>;
}

export function Select({ label, hint, error, optional, hideLabel, className = '', ...rest }: Common & ComponentPropsWithRef<'select'>) {
  return <Field {...{ label, hint, error, optional, hideLabel }}>{(wiring) => <select {...rest} {...wiring} className={`${box} min-h-11 ${className}`} />}</Field>;
}

export function Checkbox({ label, hint, error, ...rest }: Omit<Common, 'hideLabel' | 'optional'> & ComponentPropsWithRef<'input'>) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <div>
      <label className="flex min-h-8 items-start gap-3 py-1">
        <input type="checkbox" {...rest} aria-describedby={described} aria-invalid={error ? true : undefined} className="mt-0.5 size-5 shrink-0 accent-brand" />
        <span className="font-medium">{label}</span>
      </label>
      {hint && (
        <p id={`${id}-hint`} className="ps-8 text-sm text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="ps-8 text-sm font-medium text-bad">
          {error}
        </p>
      )}
    </div>
  );
}
