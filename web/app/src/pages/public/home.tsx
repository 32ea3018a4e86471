/** What Tithi is, and where one begins. */
import { useQuery } from '@tanstack/react-query';
import { BellRing, CalendarHeart, Search, ShieldCheck, Undo2 } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { api, call } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { EventCard, useKindName } from '../../ui/event_card';
import { moonPhase } from '../../ui/moon';
import { ErrorNotice } from '../../ui/notice';
import { Empty, useHeading } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { listQuery, NO_FILTERS } from './filters';
import { LunarMonth } from './lunar_month';
import { kindsQuery } from './queries';

const NEXT_EVENTS = 6;

export default function Home() {
  const { t } = useTranslation('public');
  return (
    <>
      <Hero />
      <div className="mx-auto flex w-full max-w-6xl flex-col gap-14 px-4 py-12">
        <NextEvents />
        <section className="flex flex-col gap-6">
          <h2 className="text-2xl font-semibold sm:text-3xl">{t('home.howTitle')}</h2>
          <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
            <Reason Icon={CalendarHeart} title={t('home.find')} text={t('home.findText')} />
            <Reason Icon={ShieldCheck} title={t('home.yours')} text={t('home.yoursText')} />
            <Reason Icon={Undo2} title={t('home.cancel')} text={t('home.cancelText')} />
            <Reason Icon={BellRing} title={t('home.remind')} text={t('home.remindText')} />
          </ul>
        </section>
        <HostInvitation />
      </div>
    </>
  );
}

/** Night in either theme: data-theme gives what is inside the dark colours. */
function Hero() {
  const { t } = useTranslation('public');
  const [now] = useState(Date.now);
  const heading = useHeading(t('home.documentTitle'));
  return (
    <section data-theme="dark" className="overflow-hidden bg-linear-to-b from-sunken via-ground to-brand-soft text-ink">
      <div className="mx-auto grid max-w-6xl items-center gap-8 px-4 py-12 lg:grid-cols-[minmax(0,1fr)_26rem] lg:py-16">
        <div className="flex flex-col gap-6">
          <p className="font-medium text-accent">{t(`moon.${phaseName(now)}`)}</p>
          <h1 ref={heading} tabIndex={-1} className="text-4xl font-semibold outline-none sm:text-5xl lg:text-6xl">
            {t('home.title')}
          </h1>
          <p className="max-w-prose text-lg text-muted sm:text-xl">{t('home.lead')}</p>
          <HomeSearch />
          <Kinds />
        </div>
        <LunarMonth now={now} className="mx-auto w-full max-w-80 lg:max-w-none" />
      </div>
    </section>
  );
}

const PHASES = ['new', 'waxingCrescent', 'firstQuarter', 'waxingGibbous', 'full', 'waningGibbous', 'lastQuarter', 'waningCrescent'] as const;

function phaseName(now: number) {
  return PHASES[Math.round(moonPhase(now) * PHASES.length) % PHASES.length]!;
}

function HomeSearch() {
  const { t } = useTranslation('public');
  const navigate = useNavigate();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const q = String(new FormData(event.currentTarget).get('q')).trim();
    void navigate(q ? `/app/events?${new URLSearchParams({ q })}` : '/app/events');
  };
  return (
    <form role="search" onSubmit={submit} className="flex max-w-xl flex-wrap gap-2">
      <div className="relative min-w-0 flex-1 basis-60">
        <Search aria-hidden className="pointer-events-none absolute start-3.5 top-3.5 size-5 text-muted" />
        <input
          type="search"
          name="q"
          aria-label={t('search.label')}
          placeholder={t('search.hint')}
          maxLength={200}
          className="min-h-12 w-full rounded-xl border border-edge bg-surface ps-11 pe-3 text-lg text-ink placeholder:text-muted"
        />
      </div>
      <Button type="submit" className="min-h-12 grow rounded-xl px-6 sm:grow-0">
        {t('common:search')}
      </Button>
    </form>
  );
}

function Kinds() {
  const { t } = useTranslation('public');
  const format = useFormat();
  const name = useKindName();
  const { data } = useQuery(kindsQuery);
  return (
    <ul aria-label={t('home.kinds')} className="flex min-h-11 flex-wrap gap-2">
      {data?.types.slice(0, 8).map(({ type, count }) => (
        <li key={type}>
          <Link
            to={`/app/events?${new URLSearchParams({ type })}`}
            className="inline-flex min-h-11 items-center gap-2 rounded-full border border-edge bg-surface px-4 font-medium hover:border-accent"
          >
            {name(type)} <span className="text-sm text-muted">{format.number(count)}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function NextEvents() {
  const { t } = useTranslation('public');
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['events', 'next'],
    queryFn: ({ signal }) => call(api.GET('/events', { params: { query: { ...listQuery(NO_FILTERS), limit: NEXT_EVENTS } }, signal })),
    staleTime: 60_000,
  });
  return (
    <section className="flex flex-col gap-6">
      <div className="flex flex-wrap items-end justify-between gap-4">
        <h2 className="text-2xl font-semibold sm:text-3xl">{t('home.next')}</h2>
        <ButtonLink to="/app/events" look="secondary">{t('home.all')}</ButtonLink>
      </div>
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      {isPending && <Loading count={3} className="h-48 w-full rounded-2xl" />}
      {data?.events.length === 0 && <Empty title={t('browse.empty')}>{t('browse.emptyYet')}</Empty>}
      <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {data?.events.map((event) => (
          <li key={event.id} className="grid min-w-0">
            <EventCard event={event} level={3} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Reason({ Icon, title, text }: { Icon: typeof Search; title: string; text: string }) {
  return (
    <li className="flex flex-col gap-2 rounded-2xl bg-sunken p-5">
      <Icon aria-hidden className="size-7 text-accent" />
      <h3 className="text-lg font-semibold">{title}</h3>
      <p className="text-muted">{text}</p>
    </li>
  );
}

function HostInvitation() {
  const { t } = useTranslation('public');
  const { profile, isFacilitator } = useSession();
  if (profile === undefined) return null;
  return (
    <section className="flex flex-wrap items-center justify-between gap-6 rounded-2xl border border-line bg-surface p-6 sm:p-8">
      <div className="flex max-w-prose flex-col gap-2">
        <h2 className="text-2xl font-semibold">{t('home.hostTitle')}</h2>
        <p className="text-muted">{t('home.hostText')}</p>
      </div>
      {isFacilitator && <ButtonLink to="/app/host/events/new">{t('home.hostNew')}</ButtonLink>}
      {!profile && <ButtonLink to="/app/register">{t('home.hostJoin')}</ButtonLink>}
    </section>
  );
}
