/** What stands around every page. */
import { Menu, MoonStar, Sun, X } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, useLocation, useNavigate, useNavigationType } from 'react-router';
import { api, call } from './api/client';
import { isLanguage, LANGUAGES, setLanguage } from './i18n';
import { sessionMayBe } from './session/flag';
import { useSession, useSignOut } from './session/session';
import { buttonClass } from './ui/button';
import { Moon } from './ui/moon';
import { useTheme } from './ui/theme';

/** Bookings as they arrive: only who publishes events needs it. */
const LiveBell = lazy(() => import('./pages/host/live_bell'));

function navClass({ isActive }: { isActive: boolean }) {
  return `rounded-lg px-3 py-2 font-medium hover:bg-sunken ${isActive ? 'text-brand underline decoration-2 underline-offset-8' : 'text-ink'}`;
}

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { profile, isFacilitator, isAdmin } = useSession();
  const { pathname } = useLocation();
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [pathname]);
  const how = useNavigationType();
  useEffect(() => {
    // Who goes back finds the page where they left it. The braces: newer browsers answer a promise, which React would call at the end.
    if (how !== 'POP') window.scrollTo(0, 0);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [pathname]);
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:start-4 focus:top-4 focus:z-50 focus:rounded-lg focus:bg-surface focus:px-4 focus:py-2">
        {t('skip')}
      </a>
      <header className="no-print border-b border-line bg-surface">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-2 px-4 py-3">
          <Link to="/app/" className="me-auto flex items-center gap-2 font-display text-2xl font-semibold text-brand">
            <Moon at={Date.now()} className="size-7 text-accent" />
            Tithi
          </Link>
          {isFacilitator && (
            <Suspense>
              <LiveBell />
            </Suspense>
          )}
          <ThemeButton />
          <button
            type="button"
            aria-expanded={open}
            aria-controls="menu"
            aria-label={open ? t('nav.close') : t('nav.open')}
            onClick={() => setOpen(!open)}
            className="cursor-pointer rounded-lg p-2.5 hover:bg-sunken lg:hidden"
          >
            {open ? <X aria-hidden /> : <Menu aria-hidden />}
          </button>
          <nav id="menu" aria-label={t('nav.label')} className={`${open ? 'flex' : 'hidden'} w-full flex-col gap-1 pt-3 lg:order-none lg:flex lg:w-auto lg:flex-row lg:items-center lg:pt-0`}>
            <NavLink to="/app/events" className={navClass}>{t('nav.browse')}</NavLink>
            {profile && <NavLink to="/app/bookings" className={navClass}>{t('nav.bookings')}</NavLink>}
            {isFacilitator && <NavLink to="/app/host" className={navClass}>{t('nav.host')}</NavLink>}
            {isAdmin && <NavLink to="/app/admin" className={navClass}>{t('nav.admin')}</NavLink>}
            {profile && <NavLink to="/app/profile" className={navClass}>{t('nav.profile')}</NavLink>}
            {profile && <SignOut />}
            {profile === null && <SignIn />}
          </nav>
        </div>
      </header>
      <main id="main" className="flex flex-1 flex-col">
        {children}
      </main>
      <footer className="no-print mt-12 border-t border-line bg-surface">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-4 px-4 py-6 text-muted">
          <p>{t('footer.promise')}</p>
          <div className="flex flex-wrap items-center gap-4">
            <a href="/docs" className="rounded py-1 underline underline-offset-4 hover:text-ink">{t('footer.api')}</a>
            <LanguageSelect />
          </div>
        </div>
      </footer>
    </div>
  );
}

function SignIn() {
  const { t } = useTranslation();
  const { pathname, search } = useLocation();
  const here = pathname + search;
  const back = /^\/app\/(login|register|forgot)/.test(pathname) ? '' : `?next=${encodeURIComponent(here)}`;
  return (
    <>
      <Link to={`/app/login${back}`} className={buttonClass('quiet', 'lg:ms-2')}>{t('nav.login')}</Link>
      <Link to={`/app/register${back}`} className={buttonClass()}>{t('nav.register')}</Link>
    </>
  );
}

function SignOut() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const signOut = useSignOut();
  return (
    <button
      type="button"
      disabled={signOut.isPending}
      onClick={() => signOut.mutate(undefined, { onSettled: () => navigate('/app/') })}
      className="cursor-pointer rounded-lg px-3 py-2 text-start font-medium hover:bg-sunken"
    >
      {t('nav.logout')}
    </button>
  );
}

function ThemeButton() {
  const { t } = useTranslation();
  const [theme, setTheme] = useTheme();
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <button type="button" onClick={() => setTheme(other)} aria-label={t(`theme.${other}`)} title={t(`theme.${other}`)} className="cursor-pointer rounded-lg p-2.5 hover:bg-sunken">
      {theme === 'dark' ? <Sun aria-hidden /> : <MoonStar aria-hidden />}
    </button>
  );
}

/** The account's language is also that of its mails. */
function LanguageSelect() {
  const { t, i18n } = useTranslation();
  return (
    <select
      aria-label={t('language')}
      value={i18n.language}
      onChange={(event) => {
        const language = event.target.value;
        if (!isLanguage(language)) return;
        void setLanguage(language);
        if (sessionMayBe()) void call(api.PUT('/profile/mail', { body: { language } })).catch(() => undefined);
      }}
      className="min-h-11 rounded-lg border border-edge bg-surface px-3 text-ink"
    >
      {Object.entries(LANGUAGES).map(([tag, name]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
    </select>
  );
}
