import { startTransition, useOptimistic } from 'react';
import { useSearchParams } from 'react-router';

/** What a page shows stands in its address, so that it can be kept and passed on; the back button leads to the page before. */
export function useQueryParts(): [URLSearchParams, (name: string, value: string) => void] {
  const [query, setQuery] = useSearchParams();
  // The router changes the address in a transition; what was chosen shows at once.
  const [shown, setShown] = useOptimistic(query);
  const change = (name: string, value: string) =>
    startTransition(() => {
      const next = new URLSearchParams(shown);
      if (value) next.set(name, value);
      else next.delete(name);
      setShown(next);
      setQuery(next, { replace: true, preventScrollReset: true });
    });
  return [shown, change];
}
