/** Browse as a calendar: a month, and the events of the day that was chosen in it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { format as formatDate, parse } from 'date-fns';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { createContext, useContext, useEffect, useRef } from 'react';
import { type DayButtonProps, DayPicker } from 'react-day-picker';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { regionalTag, useFormat } from '../../i18n/format';
import { type Event, EventCard } from '../../ui/event_card';
import { Moon } from '../../ui/moon';
import { ErrorNotice, Notice } from '../../ui/notice';
import type { Change } from './browse';
import { type Filters, searchQuery, writeFilters } from './filters';
import { eventsOfMonth } from './month_events';

const iso = (date: Date) => formatDate(date, 'yyyy-MM-dd');
const asDate = (day: string) => parse(day, 'yyyy-MM-dd', new Date());
const PAGE_SIZE = 100;
/** Shown in the cell, as far as it is wide enough. */
const TITLES = 2;

const Days = createContext<Map<string, Event[]>>(new Map());

export default function EventCalendar({ filters, change }: { filters: Filters; change: Change }) {
  const { t, i18n } = useTranslation('public');
  const format = useFormat();
  const picked = useRef<HTMLHeadingElement>(null);
  const month = filters.month || (filters.day || iso(new Date())).slice(0, 7);
  const query = searchQuery(filters);
  const { data, error, isPending, isPlaceholderData, refetch } = useQuery({
    queryKey: ['events', 'month', month, writeFilters({ ...filters, from: '', to: '', sort: 'start', view: 'list', month: '', day: '' }).toString()],
    queryFn: ({ signal }) =>
      eventsOfMonth(month, (span, after) =>
        call(api.GET('/events', { params: { query: { ...query, ...span, limit: PAGE_SIZE, ...(after && { after }) } }, signal })),
      ),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const days = data?.days ?? new Map<string, Event[]>();
  const events = filters.day ? (days.get(filters.day) ?? []) : [];
  const total = [...days.values()].reduce((sum, each) => sum + each.length, 0);
  const today = iso(new Date());
  const pick = (day: string) => {
    change({ day }, filters.day !== '');
    requestAnimationFrame(() => picked.current?.focus());
  };
  return (
    <section className="flex min-w-0 flex-col gap-6" aria-busy={isPending || isPlaceholderData}>
      <h2 className="sr-only">{t('browse.calendar')}</h2>
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      <Days value={days}>
        <DayPicker
          mode="single"
          required
          selected={filters.day ? asDate(filters.day) : undefined}
          onSelect={(date) => pick(iso(date))}
          month={asDate(`${month}-01`)}
          onMonthChange={(date) => change({ month: iso(date).slice(0, 7), day: '' }, true)}
          weekStartsOn={firstDayOfWeek(i18n.language)}
          dir={document.documentElement.dir}
          showOutsideDays
          fixedWeeks={false}
          disabled={(date) => iso(date) < today}
          formatters={{
            formatCaption: (date) => format.date(date, undefined, { month: 'long', year: 'numeric' }),
            formatWeekdayName: (date) => format.date(date, undefined, { weekday: 'short' }),
            formatDay: (date) => format.number(date.getDate()),
          }}
          labels={{
            labelNav: () => t('calendar.nav'),
            labelPrevious: () => t('calendar.previous'),
            labelNext: () => t('calendar.next'),
            labelGrid: (date) => format.date(date, undefined, { month: 'long', year: 'numeric' }),
            labelWeekday: (date) => format.date(date, undefined, { weekday: 'long' }),
            labelDayButton: (date) => `${format.day(date)}: ${t('browse.shown', { count: days.get(iso(date))?.length ?? 0 })}`,
          }}
          components={{ DayButton, Chevron }}
          classNames={{
            root: `relative rounded-2xl border border-line bg-surface p-3 transition-opacity sm:p-5 ${isPending || isPlaceholderData ? 'opacity-60' : ''}`,
            nav: 'absolute end-3 top-3 flex gap-1 sm:end-5 sm:top-5',
            button_previous: 'inline-flex size-11 cursor-pointer items-center justify-center rounded-lg hover:bg-sunken',
            button_next: 'inline-flex size-11 cursor-pointer items-center justify-center rounded-lg hover:bg-sunken',
            month_caption: 'flex min-h-11 items-center pe-24 font-display text-xl font-semibold capitalize',
            month_grid: 'mt-3 w-full table-fixed border-separate border-spacing-0.5 sm:border-spacing-1',
            weekday: 'pb-1 text-sm font-medium text-muted',
            day: 'p-0 align-top',
          }}
        />
      </Days>
      <p role="status" className="text-muted">
        {!isPending && !isPlaceholderData && (filters.day ? '' : t(total ? 'calendar.pick' : 'calendar.none'))}
      </p>
      {data?.more && <Notice>{t('calendar.more')}</Notice>}
      {filters.day && (
        <section className="flex flex-col gap-4">
          <h3 ref={picked} tabIndex={-1} className="flex items-center gap-2 text-xl font-semibold outline-none">
            <Moon at={asDate(filters.day).getTime() + 43_200_000} className="size-6 text-accent" />
            {format.day(asDate(filters.day))}
          </h3>
          {!isPending && events.length === 0 && <p className="text-muted">{t('calendar.noneThatDay')}</p>}
          <ul className="grid gap-4 xl:grid-cols-2">
            {events.map((event) => (
              <li key={event.id} className="grid min-w-0">
                <EventCard event={event} level={3} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </section>
  );
}

function Chevron({ orientation }: { orientation?: string }) {
  const Icon = orientation === 'left' ? ChevronLeft : ChevronRight;
  return <Icon aria-hidden className="rtl:rotate-180" />;
}

function DayButton({ day, modifiers, className: _, children, 'aria-label': label, ...rest }: DayButtonProps) {
  const button = useRef<HTMLButtonElement>(null);
  const format = useFormat();
  const events = useContext(Days).get(iso(day.date)) ?? [];
  useEffect(() => {
    if (modifiers.focused) button.current?.focus();
  }, [modifiers.focused]);
  const shown = modifiers.outside || modifiers.disabled ? [] : events;
  return (
    <button
      ref={button}
      {...rest}
      className={`flex min-h-14 w-full min-w-0 flex-col items-stretch justify-start overflow-hidden rounded-lg border p-1 text-start sm:min-h-24 sm:p-1.5 ${
        modifiers.selected ? 'border-brand bg-brand-soft' : shown.length ? 'cursor-pointer border-line bg-ground hover:border-brand' : 'border-transparent'
      } ${shown.length || modifiers.today ? '' : 'text-muted'}`}
    >
      <span className="sr-only">{label}</span>
      <span aria-hidden className="flex flex-col items-center justify-between gap-1 sm:flex-row">
        <span className={modifiers.today ? 'rounded bg-brand px-1.5 font-semibold text-on-brand' : 'px-0.5'}>{children}</span>
        {shown.length > 0 && <span className="rounded-full bg-accent-soft px-1.5 text-xs font-semibold text-accent">{format.number(shown.length)}</span>}
      </span>
      {shown.slice(0, TITLES).map((event) => (
        <span key={event.id} aria-hidden dir="auto" className="truncate text-xs max-sm:hidden">
          {event.title}
        </span>
      ))}
    </button>
  );
}

/** 0 is Sunday. Where the browser does not know what is usual: Monday (ISO 8601). */
function firstDayOfWeek(language: string): 0 | 1 | 2 | 3 | 4 | 5 | 6 {
  const locale = new Intl.Locale(regionalTag(language)) as Intl.Locale & {
    getWeekInfo?: () => { firstDay: number };
    weekInfo?: { firstDay: number };
  };
  return ((locale.getWeekInfo?.() ?? locale.weekInfo)?.firstDay ?? 1) % 7 as 0 | 1 | 2 | 3 | 4 | 5 | 6;
}
