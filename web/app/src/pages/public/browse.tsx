/** All events that lie ahead: searched as one types, narrowed by filters, as a list or a calendar. What is shown stands in the address. */
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { CalendarDays, List, Search, SlidersHorizontal } from 'lucide-react';
import { lazy, startTransition, Suspense, useEffect, useId, useMemo, useOptimistic, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, call } from '../../api/client';
import { Button } from '../../ui/button';
import { EventCard } from '../../ui/event_card';
import { ErrorNotice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useTyped } from '../../ui/use_typed';
import { FilterPanel } from './filter_panel';
import { filterCount, type Filters, listQuery, NO_FILTERS, readFilters, withoutFilters, writeFilters } from './filters';

const EventCalendar = lazy(() => import('./event_calendar'));

const PAGE_SIZE = 20;

/** `replace` for what goes on where something was just typed: the back button should not undo it letter by letter. */
export type Change = (part: Partial<Filters>, replace?: boolean) => void;

export default function Browse() {
  const { t } = useTranslation('public');
  const [query, setQuery] = useSearchParams();
  const asked = useMemo(() => readFilters(query), [query]);
  // The router changes the address in a transition; what was chosen shows at once.
  const [filters, setFilters] = useOptimistic(asked);
  const [open, setOpen] = useState(false);
  const panel = useId();
  const change: Change = (part, replace = false) =>
    startTransition(() => {
      const next = { ...filters, ...part };
      setFilters(next);
      setQuery(writeFilters(next), { replace });
    });
  const clear = () => change(withoutFilters(filters));
  const count = filterCount(filters);
  return (
    <Page title={t('browse.title')} lead={t('browse.lead')} wide actions={<ViewSwitch view={filters.view} change={change} />}>
      <search className="flex flex-col gap-6">
        <div className="flex gap-2">
          <SearchBox filters={filters} change={change} />
          <Button look="secondary" aria-expanded={open} aria-controls={panel} onClick={() => setOpen(!open)} className="lg:hidden">
            <SlidersHorizontal aria-hidden className="size-5" />
            <span className="max-sm:sr-only">{t('filter.title')}</span>
            {count > 0 && <span aria-hidden>{count}</span>}
            <span className="sr-only">{count > 0 && t('filter.count', { count })}</span>
          </Button>
        </div>
        <div className="grid items-start gap-6 lg:grid-cols-[16rem_minmax(0,1fr)] lg:gap-8">
          <div id={panel} className={`${open ? 'block' : 'hidden'} lg:block`}>
            <FilterPanel filters={filters} change={change} clear={count > 0 ? clear : null} done={() => setOpen(false)} />
          </div>
          {filters.view === 'list' ? (
            <EventList filters={filters} change={change} clear={clear} />
          ) : (
            <Suspense fallback={<Loading count={1} className="h-96 w-full" />}>
              <EventCalendar filters={filters} change={change} />
            </Suspense>
          )}
        </div>
      </search>
    </Page>
  );
}

function ViewSwitch({ view, change }: { view: Filters['view']; change: Change }) {
  const { t } = useTranslation('public');
  const views = [['list', List, t('browse.list')], ['calendar', CalendarDays, t('browse.calendar')]] as const;
  return (
    <div role="group" aria-label={t('browse.view')} className="flex rounded-lg border border-edge bg-surface p-0.5">
      {views.map(([name, Icon, words]) => (
        <button
          key={name}
          type="button"
          aria-pressed={view === name}
          onClick={() => view !== name && change({ view: name, day: '' })}
          className={`flex min-h-10 cursor-pointer items-center gap-2 rounded-md px-3 ${view === name ? 'bg-brand text-on-brand' : 'hover:bg-sunken'}`}
        >
          <Icon aria-hidden className="size-4" />
          {words}
        </button>
      ))}
    </div>
  );
}

function SearchBox({ filters, change }: { filters: Filters; change: Change }) {
  const { t } = useTranslation('public');
  const [text, setText] = useTyped(filters.q, (q) => change({ q }, filters.q !== ''));
  return (
    <div className="relative min-w-0 flex-1">
      <Search aria-hidden className="pointer-events-none absolute start-3.5 top-3.5 size-5 text-muted" />
      <input
        type="search"
        aria-label={t('search.label')}
        placeholder={t('search.hint')}
        value={text}
        maxLength={200}
        enterKeyHint="search"
        onChange={(event) => setText(event.target.value)}
        className="min-h-12 w-full rounded-xl border border-edge bg-surface ps-11 pe-3 text-lg text-ink placeholder:text-muted"
      />
    </div>
  );
}

function EventList({ filters, change, clear }: { filters: Filters; change: Change; clear: () => void }) {
  const { t } = useTranslation('public');
  const list = useRef<HTMLUListElement>(null);
  const shownBefore = useRef(0);
  const key = writeFilters({ ...filters, view: NO_FILTERS.view, month: '', day: '' }).toString();
  const { data, error, isPending, isPlaceholderData, isFetchingNextPage, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ['events', 'list', key],
    queryFn: ({ signal, pageParam: after }) =>
      call(api.GET('/events', { params: { query: { ...listQuery(filters), limit: PAGE_SIZE, ...(after && { after }) } }, signal })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const events = data?.pages.flatMap((page) => page.events) ?? [];
  const pages = data?.pages.length ?? 0;
  useEffect(() => {
    if (!shownBefore.current) return;
    list.current?.querySelectorAll<HTMLElement>('article a')[shownBefore.current]?.focus();
    shownBefore.current = 0;
  }, [pages]);
  const showMore = () => {
    shownBefore.current = events.length;
    void fetchNextPage();
  };
  const narrowed = filterCount(filters) > 0 || filters.q !== '';
  return (
    <section className="flex min-w-0 flex-col gap-4" aria-busy={isPlaceholderData}>
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h2 className="sr-only">{t('browse.results')}</h2>
        <p role="status" className="text-muted">
          {data && !isPlaceholderData && t(hasNextPage ? 'browse.shownMore' : 'browse.shown', { count: events.length })}
        </p>
        <SortSelect filters={filters} change={change} />
      </div>
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      {isPending && <Loading count={6} className="h-48 w-full rounded-2xl" />}
      {data && events.length === 0 && (
        <Empty title={t('browse.empty')} action={narrowed && <Button onClick={clear}>{t('filter.clear')}</Button>}>
          {t(narrowed ? 'browse.emptyNarrowed' : 'browse.emptyYet')}
        </Empty>
      )}
      <ul ref={list} className={`grid gap-4 transition-opacity xl:grid-cols-2 ${isPlaceholderData ? 'opacity-60' : ''}`}>
        {events.map((event) => (
          <li key={event.id} className="grid min-w-0">
            <EventCard event={event} level={3} live />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <Button look="secondary" className="self-center" busy={isFetchingNextPage} onClick={showMore}>
          {t('common:more')}
        </Button>
      )}
    </section>
  );
}

function SortSelect({ filters, change }: { filters: Filters; change: Change }) {
  const { t } = useTranslation('public');
  const words: Record<Filters['sort'], string> = {
    start: t('sort.start'), price: t('sort.price'), '-price': t('sort.priceDown'), '-rating': t('sort.rating'), '-created': t('sort.created'),
  };
  return (
    <label className="flex min-w-0 max-w-full items-center gap-2">
      <span className="text-muted">{t('sort.label')}</span>
      <select
        value={filters.sort}
        onChange={(event) => change({ sort: event.target.value as Filters['sort'] })}
        className="min-h-11 min-w-0 rounded-lg border border-edge bg-surface px-3 text-ink"
      >
        {Object.entries(words).map(([sort, name]) => (
          <option key={sort} value={sort}>{name}</option>
        ))}
      </select>
    </label>
  );
}
