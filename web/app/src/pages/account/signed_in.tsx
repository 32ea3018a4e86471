/** Where a sign-in with Google ends: the cookies are there, this app does not know of them yet. */
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, call } from '../../api/client';
import { setSecondFactorDue } from '../../session/flag';
import { safeNext, takeKeptNext } from '../../session/next';
import { useSignedIn } from '../../session/session';
import { ButtonLink } from '../../ui/button';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Loading } from '../../ui/skeleton';
import { NarrowPage } from './narrow';

export default function SignedInPage() {
  const { t } = useTranslation('account');
  const navigate = useNavigate();
  const signedIn = useSignedIn();
  const [failed, setFailed] = useState<unknown>(null);
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const goOn = async () => {
      const profile = await signedIn({});
      if (!profile) return setFailed('nobody');
      const next = safeNext(takeKeptNext());
      if (profile.role === 'user') return navigate(next, { replace: true });
      // The way through Google's pages does not tell.
      const factor = await call(api.GET('/profile/second-factor'));
      setSecondFactorDue(factor.required && !factor.active);
      return navigate(factor.required && !factor.active ? '/app/profile/security' : next, { replace: true });
    };
    goOn().catch(setFailed);
    // Once.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return (
    <NarrowPage title={t(failed ? 'signedIn.failedTitle' : 'signedIn.title')}>
      {failed ? (
        <>
          {failed === 'nobody' ? (
            <Notice kind="bad" role="alert" title={t('signedIn.nobody')} />
          ) : (
            <ErrorNotice error={failed} onRetry={() => window.location.reload()} />
          )}
          <ButtonLink to="/app/login" className="self-start">
            {t('login.title')}
          </ButtonLink>
        </>
      ) : (
        <Loading count={1} className="h-32 w-full" />
      )}
    </NarrowPage>
  );
}
