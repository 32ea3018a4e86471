/** A bar at the top of the page where something takes longer than a second. */
import { useIsFetching, useIsMutating } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

const PATIENCE_MS = 1000;

export function Progress() {
  const { t } = useTranslation();
  // What is refetched in the background is nobody's wait.
  const waiting = useIsFetching({ predicate: (query) => query.state.status === 'pending' }) + useIsMutating() > 0;
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setTimeout(() => setSlow(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setSlow(false);
    };
  }, [waiting]);
  if (!slow) return null;
  return (
    <div role="progressbar" aria-label={t('loading')} className="fixed inset-x-0 top-0 z-50 h-1 overflow-hidden bg-brand-soft">
      <div className="h-full w-1/3 animate-[slide_1.2s_ease-in-out_infinite] bg-accent" />
    </div>
  );
}
