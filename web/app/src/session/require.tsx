/** Pages for who is signed in, or has a role: others are sent to sign in and come back. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, Outlet, useLocation } from 'react-router';
import { ButtonLink } from '../ui/button';
import { Notice } from '../ui/notice';
import { Page } from '../ui/page';
import { Loading } from '../ui/skeleton';
import { secondFactorIsDue } from './flag';
import { farewellFrom, forgetFarewell, useSession } from './session';

export function Require({ role }: { role?: 'facilitator' | 'admin' }) {
  const { t } = useTranslation();
  const { profile, isFacilitator, isAdmin } = useSession();
  if (profile === undefined)
    return (
      <div className="mx-auto w-full max-w-6xl px-4 py-10">
        <Loading />
      </div>
    );
  if (profile === null) return <Leave />;
  if ((role === 'facilitator' && !isFacilitator) || (role === 'admin' && !isAdmin))
    return (
      <Page title={t('forbidden.title')}>
        <Notice kind="warn">{t(profile.facilitator_pending ? 'forbidden.pending' : 'forbidden.text')}</Notice>
      </Page>
    );
  if (role && secondFactorIsDue())
    return (
      <Page title={t('factorDue.title')}>
        <Notice kind="warn">
          <p>{t('factorDue.text')}</p>
        </Notice>
        <ButtonLink to="/app/profile/security" className="self-start">
          {t('factorDue.go')}
        </ButtonLink>
      </Page>
    );
  return <Outlet />;
}

/** To sign in and come back; who has just signed out here does not mean to. */
function Leave() {
  const { pathname, search } = useLocation();
  const [to] = useState(() => farewellFrom(pathname) ?? `/app/login?next=${encodeURIComponent(pathname + search)}`);
  useEffect(forgetFarewell, []);
  return <Navigate to={to} replace />;
}
