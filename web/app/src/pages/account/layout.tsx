/** The pages about one's own account, beside their navigation: tabs where there is little room. */
import { Bell, Database, KeyRound, ShieldCheck, UserRound } from 'lucide-react';
import { Suspense, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink, Outlet, useLocation } from 'react-router';
import { Loading } from '../../ui/skeleton';

export default function AccountLayout() {
  const { t } = useTranslation('account');
  const { pathname } = useLocation();
  const tabs = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const [list, tab] = [tabs.current, tabs.current?.querySelector<HTMLElement>('[aria-current]')];
    if (list && tab) list.scrollLeft += tab.getBoundingClientRect().left - list.getBoundingClientRect().left - (list.clientWidth - tab.offsetWidth) / 2;
  }, [pathname]);
  const pages = [
    { to: '/app/profile', label: t('nav.profile'), Icon: UserRound },
    { to: '/app/profile/security', label: t('nav.security'), Icon: ShieldCheck },
    { to: '/app/profile/mail', label: t('nav.mail'), Icon: Bell },
    { to: '/app/profile/keys', label: t('nav.keys'), Icon: KeyRound },
    { to: '/app/profile/data', label: t('nav.data'), Icon: Database },
  ];
  return (
    <div className="mx-auto w-full max-w-6xl lg:grid lg:grid-cols-[15rem_minmax(0,1fr)]">
      <nav aria-label={t('nav.label')} className="no-print border-b border-line px-4 pt-4 lg:border-b-0 lg:pt-10">
        <ul ref={tabs} className="flex gap-1 overflow-x-auto lg:flex-col">
          {pages.map(({ to, label, Icon }) => (
            <li key={to} className="shrink-0">
              <NavLink
                to={to}
                end
                className={({ isActive }) =>
                  'flex min-h-11 items-center gap-2 border-b-3 px-3 py-2 font-medium whitespace-nowrap lg:rounded-lg lg:border-b-0 ' +
                  (isActive ? 'border-brand text-brand lg:bg-brand-soft' : 'border-transparent text-ink hover:bg-sunken')
                }
              >
                <Icon aria-hidden className="hidden size-5 sm:block" />
                {label}
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      <Suspense
        fallback={
          <div className="px-4 py-10">
            <Loading />
          </div>
        }
      >
        <div className="min-w-0 lg:*:mx-0">
          <Outlet />
        </div>
      </Suspense>
    </div>
  );
}
