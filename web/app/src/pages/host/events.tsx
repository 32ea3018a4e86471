/** One's own events: those to come, those that were, those that nobody can book. */
import { CalendarPlus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { usePages } from '../../api/pages';
import type { paths } from '../../api/schema';
import { ButtonLink } from '../../ui/button';
import { TextField } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useQueryParts } from '../../ui/use_query_parts';
import { useTyped } from '../../ui/use_typed';
import { EventRow, isOver } from './event_row';

const DAY_MS = 86_400_000;
const SHOWS = ['upcoming', 'past', 'closed'] as const;
type Show = (typeof SHOWS)[number];
type Query = NonNullable<paths['/facilitator/events']['get']['parameters']['query']>;

/** What began within the last day may still go on. */
function queryOf(show: Show, now: number): Query {
  if (show === 'upcoming') return { from: new Date(now - DAY_MS).toISOString(), sort: 'start' };
  if (show === 'past') return { to: new Date(now).toISOString(), sort: '-start' };
  return { active: false, sort: '-start' };
}

export default function Events() {
  const { t } = useTranslation('host');
  const [params, change] = useQueryParts();
  const show = SHOWS.find((each) => each === params.get('show')) ?? 'upcoming';
  const q = params.get('q')?.trim().slice(0, 200) ?? '';
  const [now] = useState(() => Date.now());
  const [typed, setTyped] = useTyped(q, (text) => change('q', text));
  const query = usePages(['host', 'events', show, q, now], (after, signal) =>
    call(api.GET('/facilitator/events', { params: { query: { ...queryOf(show, now), ...(q && { q }), limit: 20, after } }, signal })));
  const events = (query.data?.pages.flatMap((page) => page.events) ?? []).filter((event) => show !== 'upcoming' || !isOver(event));
  const add = (
    <ButtonLink to="/app/host/events/new">
      <CalendarPlus aria-hidden className="size-5" />
      {t('new.title')}
    </ButtonLink>
  );
  return (
    <Page wide title={t('nav.events')} actions={add}>
      <div className="flex flex-wrap items-end gap-4">
        <div className="min-w-0 flex-1 basis-60">
          <TextField type="search" label={t('events.search')} value={typed} maxLength={200} onChange={(event) => setTyped(event.target.value)} />
        </div>
        <fieldset className="flex flex-wrap rounded-lg border border-edge bg-surface p-0.5">
          <legend className="sr-only">{t('events.show')}</legend>
          {SHOWS.map((each) => (
            <label
              key={each}
              className={
                'relative flex min-h-10 cursor-pointer items-center rounded-md px-4 font-medium has-checked:bg-brand has-checked:text-on-brand ' +
                'has-focus-visible:outline-3 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent'
              }
            >
              <input type="radio" name="show" className="sr-only" checked={show === each} onChange={() => change('show', each === 'upcoming' ? '' : each)} />
              {t(`events.shows.${each}`)}
            </label>
          ))}
        </fieldset>
      </div>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-40 w-full rounded-2xl" />}
      {query.isSuccess && events.length === 0 && !query.hasNextPage && (
        <Empty title={t(q ? 'events.noneFound' : `events.none.${show}`)} action={!q && show === 'upcoming' && add}>
          {t(q ? 'events.noneFoundHint' : `events.noneHint.${show}`)}
        </Empty>
      )}
      <p role="status" className="sr-only">{query.isSuccess && t('events.count', { count: events.length })}</p>
      <ul className="flex flex-col gap-4">
        {events.map((event) => (
          <li key={event.id}>
            <EventRow event={event} />
          </li>
        ))}
      </ul>
      <More query={query} />
    </Page>
  );
}
