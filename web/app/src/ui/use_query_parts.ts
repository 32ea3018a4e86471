import { useSearchParams } from 'react-router';

/** What a page shows stands in its address, so that it can be kept and passed on; the back button leads to the page before. */
export function useQueryParts(): [URLSearchParams, (name: string, value: string) => void] {
  const [params, setParams] = useSearchParams();
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(params);
    if (value) next.set(name, value);
    else next.delete(name);
    setParams(next, { replace: true, preventScrollReset: true });
  };
  return [params, change];
}
