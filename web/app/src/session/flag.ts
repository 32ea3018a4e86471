/** Whether this browser may hold a session: its cookies cannot be seen from here, and visitors should not ask for what they have not. */
const FLAG = 'tithi.session';

export function sessionMayBe(): boolean {
  return localStorage.getItem(FLAG) !== null;
}

export function setSessionMayBe(may: boolean): void {
  if (may) localStorage.setItem(FLAG, '1');
  else {
    localStorage.removeItem(FLAG);
    localStorage.removeItem(ROLE);
    setSecondFactorDue(false);
  }
}

const ROLE = 'tithi.role';

/** Whether this browser last saw another role: its access token then has the rights of before. */
export function roleHasChanged(role: string): boolean {
  const before = localStorage.getItem(ROLE);
  localStorage.setItem(ROLE, role);
  return before !== null && before !== role;
}

const FACTOR_DUE = 'tithi.factor';

/** Whether the role asks for a second factor that is not set up: until then one has the rights of a user. Told at sign-in. */
export function secondFactorIsDue(): boolean {
  return localStorage.getItem(FACTOR_DUE) !== null;
}

export function setSecondFactorDue(due: boolean): void {
  if (due) localStorage.setItem(FACTOR_DUE, '1');
  else localStorage.removeItem(FACTOR_DUE);
}

/** Calls back when another tab has signed in or out. Answers how to stop that. */
export function onSessionChange(changed: () => void): () => void {
  const heard = (event: StorageEvent) => {
    if (event.key === FLAG || event.key === null) changed();
  };
  window.addEventListener('storage', heard);
  return () => window.removeEventListener('storage', heard);
}

let refreshing: Promise<boolean> | null = null;
const LAST = 'tithi.refreshed';

/**
 * Gets a new access token. One tab at a time: a refresh token that is used twice ends its session. False where there is none to be had.
 * `anew`: even if another tab just did, for its rights have changed since.
 */
export function refreshSession(anew = false): Promise<boolean> {
  refreshing ??= oneTabAtATime(async () => {
    if (!anew && Date.now() - Number(localStorage.getItem(LAST)) < 10_000) return true; // another tab just did
    const response = await fetch('/session/refresh', { method: 'POST' });
    if (response.ok) {
      localStorage.setItem(LAST, String(Date.now()));
      const told = (await response.json()) as { second_factor_setup_required?: boolean };
      setSecondFactorDue(told.second_factor_setup_required ?? false);
    } else if (response.status === 401) setSessionMayBe(false);
    return response.ok;
  })
    .catch(() => false)
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

function oneTabAtATime<T>(work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? (navigator.locks.request('tithi.refresh', work) as Promise<T>) : work();
}
