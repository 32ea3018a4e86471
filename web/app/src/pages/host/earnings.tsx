/** What one's events have earned, and who has not paid yet. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { buttonClass, ButtonLink } from '../../ui/button';
import { DayField } from '../../ui/day_field';
import { Figure, Figures } from '../../ui/figures';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading, Skeleton } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';
import { useQueryParts } from '../../ui/use_query_parts';

const RevenueChart = lazy(() => import('../../ui/revenue_chart'));

export default function Earnings() {
  const { t } = useTranslation('earnings');
  const format = useFormat();
  const [params, change] = useQueryParts();
  const span = { from: params.get('from') || undefined, to: params.get('to') || undefined };
  const revenue = (group: 'month' | 'event') => ({
    queryKey: ['host', 'revenue', group, span],
    queryFn: ({ signal }: { signal: AbortSignal }) => call(api.GET('/facilitator/revenue', { params: { query: { group, ...span } }, signal })),
    placeholderData: keepPreviousData,
  });
  const figures = useQuery({ queryKey: ['host', 'figures'], queryFn: ({ signal }) => call(api.GET('/facilitator/figures', { signal })) });
  const months = useQuery(revenue('month'));
  const events = useQuery(revenue('event'));
  const unpaid = usePages(['host', 'payments', 'unpaid'], (after, signal) => call(api.GET('/facilitator/payments', { params: { query: { state: 'unpaid', after } }, signal })));
  const waiting = unpaid.data?.pages.flatMap((page) => page.people) ?? [];
  const csv = `/facilitator/revenue.csv?${new URLSearchParams({ group: 'event', ...(span.from && { from: span.from }), ...(span.to && { to: span.to }) })}`;
  const nothing = months.data?.rows.length === 0 && events.data?.rows.length === 0;
  return (
    <Page wide title={t('title')} lead={t('lead')}>
      <ErrorNotice error={figures.error ?? months.error ?? events.error} onRetry={() => void Promise.all([figures.refetch(), months.refetch(), events.refetch()])} />
      {figures.isPending && <Loading count={1} />}
      {figures.data && (
        <Figures>
          {figures.data.currencies.map((sum) => (
            <Figure
              key={sum.currency}
              label={t('net', { currency: sum.currency })}
              value={format.money(sum.net, sum.currency)}
              hint={t('sums', { captured: format.money(sum.captured, sum.currency), refunded: format.money(sum.refunded, sum.currency) })}
            />
          ))}
          <Figure label={t('paidPeople')} value={format.number(figures.data.paid_people)} />
          <Figure label={t('unpaidPeople')} value={format.number(figures.data.unpaid_people)} />
        </Figures>
      )}
      <form className="grid gap-4 sm:grid-cols-2" onSubmit={(event) => event.preventDefault()}>
        <DayField label={t('from')} value={span.from ?? ''} max={span.to} change={(day) => change('from', day)} />
        <DayField label={t('to')} value={span.to ?? ''} min={span.from} change={(day) => change('to', day)} />
      </form>
      {nothing ? (
        <Empty title={t('none')} action={<ButtonLink to="/app/host/events/new">{t('publish')}</ButtonLink>}>
          {t('noneHint')}
        </Empty>
      ) : (
        <>
          <Card title={t('months')}>
            {months.data ? (
              <Suspense fallback={<Skeleton className="h-72 w-full" />}>
                <RevenueChart rows={months.data.rows} />
              </Suspense>
            ) : (
              <Skeleton className="h-72 w-full" />
            )}
          </Card>
          <div className="flex flex-wrap items-center justify-between gap-2">
            <h2 className="text-xl font-semibold">{t('byEvent')}</h2>
            <a href={csv} download className={buttonClass('secondary')}>
              {t('csv')}
            </a>
          </div>
          {events.isPending && <Loading className="h-10 w-full" />}
          {events.data && (
            <Table hideCaption caption={t('byEvent')} head={[t('event'), t('payments'), t('captured'), t('refunded'), t('netShort')]} numbers={[1, 2, 3, 4]}>
              {events.data.rows.map((row) => (
                <tr key={`${row.event_id}-${row.currency}`}>
                  <Cell>
                    <Link to={`/app/host/events/${row.event_id}`} className="underline underline-offset-4">
                      {row.event_title}
                    </Link>
                  </Cell>
                  <Cell number>{format.number(row.payments)}</Cell>
                  <Cell number>{format.money(row.captured, row.currency)}</Cell>
                  <Cell number>{format.money(row.refunded, row.currency)}</Cell>
                  <Cell number className="font-semibold">{format.money(row.net, row.currency)}</Cell>
                </tr>
              ))}
            </Table>
          )}
        </>
      )}
      {waiting.length > 0 && (
        <>
          <h2 className="text-xl font-semibold">{t('unpaidPeople')}</h2>
          <Table hideCaption caption={t('unpaidPeople')} head={[t('person'), t('event'), t('price'), t('heldUntil')]} numbers={[2]}>
            {waiting.map((person) => (
              <tr key={person.booking_id}>
                <Cell>
                  {person.name}
                  <span className="block text-sm break-all text-muted">{person.email}</span>
                </Cell>
                <Cell>{person.event_title}</Cell>
                <Cell number>{format.money(person.price, person.currency)}</Cell>
                <Cell>{person.hold_expires_at ? format.dayAndTime(person.hold_expires_at) : '–'}</Cell>
              </tr>
            ))}
          </Table>
          <More query={unpaid} />
        </>
      )}
    </Page>
  );
}
