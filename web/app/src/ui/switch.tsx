import { type ReactNode, useId } from 'react';

const track =
  'peer h-7 w-12 cursor-pointer appearance-none rounded-full border border-edge bg-sunken transition-colors ' +
  'checked:border-brand checked:bg-brand disabled:cursor-not-allowed disabled:opacity-60';
const thumb =
  'pointer-events-none absolute start-1 top-1 size-5 rounded-full bg-edge transition-[inset-inline-start] ' +
  'peer-checked:start-6 peer-checked:bg-on-brand';

/** Something that is on or off, at once. */
export function Switch({
  label,
  hint,
  checked,
  onChange,
  disabled,
}: {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="flex items-start justify-between gap-4">
      <div className="min-w-0">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-sm text-muted">
            {hint}
          </p>
        )}
      </div>
      <span className="relative inline-flex h-7 w-12 shrink-0">
        <input
          id={id}
          type="checkbox"
          role="switch"
          checked={checked}
          disabled={disabled}
          onChange={(event) => onChange(event.target.checked)}
          aria-describedby={hint ? `${id}-hint` : undefined}
          className={track}
        />
        <span
          aria-hidden
          className={thumb}
        />
      </span>
    </div>
  );
}
