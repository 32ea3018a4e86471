/** Where somebody goes on to after signing in. */
const HOME = '/dashboard';
const KEPT = 'tithi.next';
const WAYS_IN = /^\/app\/(login|register|forgot|link|signed-in|deleted)\b/;

/** The address's own path if it leads to a page of ours, else the start page: links of others must lead nobody away. */
export function safeNext(address: string | null | undefined): string {
  if (!address?.startsWith('/')) return HOME;
  const here = window.location.origin;
  const url = URL.canParse(address, here) ? new URL(address, here) : null;
  if (!url || url.origin !== here || !/^\/(app\/|dashboard$)/.test(url.pathname) || WAYS_IN.test(url.pathname)) return HOME;
  return url.pathname + url.search + url.hash;
}

export function nextIsNamed(address: string | null | undefined): boolean {
  return safeNext(address) !== HOME;
}

/** Over a way through somebody else's pages. */
export function keepNext(address: string): void {
  sessionStorage.setItem(KEPT, address);
}

export function keptNext(): string | null {
  return sessionStorage.getItem(KEPT);
}

export function takeKeptNext(): string | null {
  const kept = keptNext();
  sessionStorage.removeItem(KEPT);
  return kept;
}
