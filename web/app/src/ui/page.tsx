import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'react-router';

/** Names the document, and gives the heading the focus when somebody comes from another page. Answers the ref of that heading. */
export function useHeading(title: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { key } = useLocation();
  useEffect(() => {
    document.title = `${title} · Tithi`;
  }, [title]);
  useEffect(() => {
    if (key !== 'default') heading.current?.focus({ preventScroll: true });
    // Only when the page is opened: not when its query string changes.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return heading;
}

/** A page's title and what can be done there. */
export function Page({ title, lead, actions, wide = false, children }: { title: string; lead?: ReactNode; actions?: ReactNode; wide?: boolean; children: ReactNode }) {
  const heading = useHeading(title);
  return (
    <div className={`mx-auto flex w-full flex-col gap-6 px-4 py-8 ${wide ? 'max-w-6xl' : 'max-w-3xl'}`}>
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div className="min-w-0">
          <h1 ref={heading} tabIndex={-1} className="text-3xl font-semibold break-words outline-none sm:text-4xl">
            {title}
          </h1>
          {lead && <div className="mt-2 text-lg text-muted">{lead}</div>}
        </div>
        {actions && <div className="no-print flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

export function Card({ title, actions, children, className = '' }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`flex min-w-0 flex-col gap-4 rounded-2xl border border-line bg-surface p-5 sm:p-6 ${className}`}>
      {(title || actions) && (
        <div className="flex flex-wrap items-center justify-between gap-2">
          {title && <h2 className="text-xl font-semibold">{title}</h2>}
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}

/** What to do where there is nothing to see. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-3 rounded-2xl border border-dashed border-edge px-6 py-12 text-center">
      <p className="text-lg font-semibold">{title}</p>
      {children && <div className="max-w-prose text-muted">{children}</div>}
      {action}
    </div>
  );
}

const tones = {
  plain: 'bg-sunken text-ink',
  brand: 'bg-brand-soft text-brand',
  accent: 'bg-accent-soft text-accent',
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
} as const;

export type Tone = keyof typeof tones;

export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`inline-flex items-center gap-1 rounded-full px-2.5 py-0.5 text-sm font-medium whitespace-nowrap ${tones[tone]}`}>{children}</span>;
}
