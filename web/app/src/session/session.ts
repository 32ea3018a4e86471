/** Who is signed in. */
import { hashKey, type Query, queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, ApiError, call, type Schemas } from '../api/client';
import { isLanguage, languageWasChosen, setLanguage } from '../i18n';
import { useErrorSentence } from '../ui/errors';
import { useToast } from '../ui/toast';
import { onSessionChange, refreshSession, roleHasChanged, sessionMayBe, setSecondFactorDue, setSessionMayBe } from './flag';

export type Profile = Schemas['Profile'];

export const profileQuery = queryOptions({
  queryKey: ['profile'],
  queryFn: async ({ signal }): Promise<Profile | null> => {
    if (!sessionMayBe()) return null;
    try {
      const profile = await call(api.GET('/profile', { signal }));
      if (roleHasChanged(profile.role)) await refreshSession(true);
      return profile;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      setSessionMayBe(false);
      return null;
    }
  },
  staleTime: 60_000,
});

/** `profile` is undefined while it is not known yet, null for visitors. */
export function useSession() {
  const { data: profile, error } = useQuery(profileQuery);
  return {
    profile: error ? null : profile,
    isFacilitator: profile?.role === 'facilitator' || profile?.role === 'admin',
    isAdmin: profile?.role === 'admin',
  };
}

/** To be called once a session was opened, with what was answered: what was fetched as a visitor is fetched anew. */
export function useSignedIn() {
  const client = useQueryClient();
  return async (answer: { second_factor_setup_required?: boolean }) => {
    setSessionMayBe(true);
    setSecondFactorDue(answer.second_factor_setup_required ?? false);
    await client.resetQueries();
    const profile = await client.fetchQuery(profileQuery);
    if (profile && !languageWasChosen() && isLanguage(profile.language)) await setLanguage(profile.language);
    return profile;
  };
}

let farewell: { from: string; to: string } | null = null;

/** Where whoever has signed out on a page that visitors may not see goes on to. */
export function farewellFrom(pathname: string): string | null {
  return farewell?.from === pathname ? farewell.to : null;
}

export function forgetFarewell(): void {
  farewell = null;
}

/** The session is over already: nothing of its person stays. */
export function useForgetSession() {
  const client = useQueryClient();
  return (to = '/app/') => {
    farewell = { from: window.location.pathname, to };
    setSessionMayBe(false);
    sessionStorage.clear(); // what was typed and not sent
    client.setQueryData(profileQuery.queryKey, null);
    // Once the pages that only this person may see are gone: they would ask again.
    setTimeout(() => {
      const besidesProfile = (query: Query) => query.queryHash !== hashKey(profileQuery.queryKey);
      client.getMutationCache().clear();
      client.removeQueries({ type: 'inactive', predicate: besidesProfile });
      void client.resetQueries({ predicate: besidesProfile });
    });
  };
}

let signingOut = false;

/** What was chosen for this device: signing out clears the browser's storage (Clear-Site-Data), and this says nothing of the person. */
const CHOICES = ['tithi.theme', 'tithi.language'];

export function useSignOut() {
  const forget = useForgetSession();
  const say = useToast();
  const sentence = useErrorSentence();
  return useMutation({
    mutationFn: async () => {
      const choices = CHOICES.map((name) => [name, localStorage.getItem(name)] as const);
      signingOut = true;
      try {
        await call(api.DELETE('/session'));
      } finally {
        signingOut = false;
        for (const [name, value] of choices) if (value !== null) localStorage.setItem(name, value);
      }
    },
    onSuccess: () => forget(),
    onError: (error) => say(sentence(error)), // the cookies are there still
  });
}

/** Follows what other tabs do. */
export function useOtherTabs() {
  const client = useQueryClient();
  const forget = useForgetSession();
  useEffect(
    () =>
      onSessionChange(() => {
        if (signingOut) return;
        if (sessionMayBe()) void client.resetQueries();
        else forget();
      }),
    // `forget` is new each time, and always the same.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [client],
  );
}
