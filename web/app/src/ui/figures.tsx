import type { ReactNode } from 'react';

/** A row of numbers that matter. */
export function Figures({ children }: { children: ReactNode }) {
  return <dl className="grid grid-cols-1 gap-3 sm:grid-cols-2 sm:gap-4 lg:grid-cols-4">{children}</dl>;
}

/** On phones the number stands beside what it counts: several fit on a screen. */
export function Figure({ label, value, hint }: { label: ReactNode; value: ReactNode; hint?: ReactNode }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] content-start items-baseline gap-x-4 gap-y-1 rounded-2xl border border-line bg-surface p-4 sm:grid-cols-1 sm:p-5">
      <dt className="text-sm text-muted">{label}</dt>
      <dd className="font-display text-2xl font-semibold tabular-nums sm:text-3xl">{value}</dd>
      {hint && <dd className="col-span-full text-sm text-muted">{hint}</dd>}
    </div>
  );
}
