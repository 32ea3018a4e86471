/** Who leads events, and which of them lie ahead. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { UserRound } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { Button, ButtonLink } from '../../ui/button';
import { EventCard } from '../../ui/event_card';
import { ErrorNotice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading, Skeleton } from '../../ui/skeleton';
import { Rating } from '../../ui/stars';
import { listQuery, NO_FILTERS } from './filters';
import { facilitatorQuery } from './queries';

const PAGE_SIZE = 20;

export default function FacilitatorPage() {
  const { t } = useTranslation('public');
  const format = useFormat();
  const { facilitatorId = '' } = useParams();
  const valid = /^[1-9]\d{0,15}$/.test(facilitatorId);
  const { data: host, error, refetch } = useQuery({ ...facilitatorQuery(Number(facilitatorId)), enabled: valid });
  if (!valid || (error instanceof ApiError && error.status === 404))
    return (
      <Page title={t('facilitator.unknown')}>
        <Empty title={t('facilitator.unknownText')} action={<ButtonLink to="/app/events">{t('common:nav.browse')}</ButtonLink>} />
      </Page>
    );
  if (!host)
    return (
      <div className="mx-auto flex w-full max-w-6xl flex-col gap-6 px-4 py-8">
        <ErrorNotice error={error} onRetry={() => void refetch()} />
        {!error && (
          <>
            <Skeleton className="h-11 w-2/3" />
            <Loading count={2} className="h-48 w-full rounded-2xl" />
          </>
        )}
      </div>
    );
  return (
    <Page title={host.name} lead={host.specialization && <span dir="auto">{host.specialization}</span>} wide>
      <Card>
        <div className="flex flex-col gap-5 sm:flex-row">
          <span aria-hidden className="flex size-20 shrink-0 items-center justify-center rounded-full bg-brand-soft text-brand">
            <UserRound className="size-10" />
          </span>
          <div className="flex min-w-0 flex-col gap-3">
            <div className="flex flex-wrap items-center gap-x-5 gap-y-1">
              {host.rating !== null && <Rating rating={host.rating} count={host.review_count} />}
              <span className="text-muted">{t('facilitator.since', { time: format.date(host.since, undefined, { month: 'long', year: 'numeric' }) })}</span>
            </div>
            {host.bio && (
              <p dir="auto" className="max-w-prose leading-relaxed break-words whitespace-pre-line">
                {host.bio}
              </p>
            )}
            {!host.bio && <p className="text-muted">{t('facilitator.noBio')}</p>}
          </div>
        </div>
      </Card>
      <Upcoming id={host.id} />
    </Page>
  );
}

function Upcoming({ id }: { id: number }) {
  const { t } = useTranslation('public');
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ['events', 'of', id],
    queryFn: ({ signal, pageParam: after }) =>
      call(api.GET('/events', { params: { query: { ...listQuery(NO_FILTERS), facilitator_id: id, limit: PAGE_SIZE, ...(after && { after }) } }, signal })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
    staleTime: 60_000,
  });
  const events = data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <section className="flex flex-col gap-4">
      <h2 className="text-2xl font-semibold">{t('facilitator.events')}</h2>
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      {isPending && <Loading count={3} className="h-48 w-full rounded-2xl" />}
      {data && events.length === 0 && (
        <Empty title={t('facilitator.none')} action={<ButtonLink to="/app/events">{t('event.others')}</ButtonLink>} />
      )}
      <ul className="grid gap-4 md:grid-cols-2">
        {events.map((event) => (
          <li key={event.id} className="grid min-w-0">
            <EventCard event={event} level={3} />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <Button look="secondary" className="self-center" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t('common:more')}
        </Button>
      )}
    </section>
  );
}
