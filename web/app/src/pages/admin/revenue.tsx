/** What all events have earned: sums, months as a chart with the same as a table, and what each event or facilitator brought. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { buttonClass } from '../../ui/button';
import { DayField } from '../../ui/day_field';
import { Select } from '../../ui/field';
import { Figure, Figures } from '../../ui/figures';
import { ErrorNotice } from '../../ui/notice';
import { Card, Empty, Page } from '../../ui/page';
import { Loading, Skeleton } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';
import { useQueryParts } from '../../ui/use_query_parts';

const RevenueChart = lazy(() => import('../../ui/revenue_chart'));

const GROUPS = ['event', 'facilitator'] as const;
type Row = Schemas['Revenue']['rows'][number];

export default function Revenue() {
  const { t } = useTranslation('admin');
  const format = useFormat();
  const [params, change] = useQueryParts();
  const group = GROUPS.find((each) => each === params.get('group')) ?? 'event';
  const span = { from: params.get('from') || undefined, to: params.get('to') || undefined };

  const figures = useQuery({ queryKey: ['admin', 'figures'], queryFn: ({ signal }) => call(api.GET('/admin/figures', { signal })) });
  const months = useQuery({
    queryKey: ['admin', 'revenue', 'month', span],
    queryFn: ({ signal }) => call(api.GET('/admin/revenue', { params: { query: { group: 'month', ...span } }, signal })),
    placeholderData: keepPreviousData,
  });
  const rows = useQuery({
    queryKey: ['admin', 'revenue', group, span],
    queryFn: ({ signal }) => call(api.GET('/admin/revenue', { params: { query: { group, ...span } }, signal })),
    placeholderData: keepPreviousData,
  });
  const csv = `/admin/revenue.csv?${new URLSearchParams({ group, ...(span.from && { from: span.from }), ...(span.to && { to: span.to }) })}`;
  const name = (row: Row) => (group === 'event' ? row.event_title : row.facilitator_name) ?? '–';

  return (
    <Page wide title={t('revenue.title')} lead={t('revenue.lead')}>
      <ErrorNotice error={figures.error ?? months.error ?? rows.error} onRetry={() => void Promise.all([figures.refetch(), months.refetch(), rows.refetch()])} />
      {figures.data ? (
        <Figures>
          <Figure label={t('revenue.paidPeople')} value={format.number(figures.data.paid_people)} />
          <Figure label={t('revenue.unpaidPeople')} value={format.number(figures.data.unpaid_people)} />
          {figures.data.currencies.map((sum) => (
            <Figure
              key={sum.currency}
              label={t('revenue.net', { currency: sum.currency })}
              value={format.money(sum.net, sum.currency)}
              hint={t('revenue.owed', { held: format.money(sum.held, sum.currency), owed: format.money(sum.refunds_owed, sum.currency) })}
            />
          ))}
        </Figures>
      ) : (
        figures.isPending && <Loading count={1} />
      )}
      <form className="grid gap-4 sm:grid-cols-3" onSubmit={(event) => event.preventDefault()}>
        <DayField label={t('from')} value={span.from ?? ''} max={span.to} change={(day) => change('from', day)} />
        <DayField label={t('to')} value={span.to ?? ''} min={span.from} change={(day) => change('to', day)} />
        <Select label={t('revenue.group')} value={group} onChange={(event) => change('group', event.target.value)}>
          <option value="event">{t('revenue.byEvent')}</option>
          <option value="facilitator">{t('revenue.byFacilitator')}</option>
        </Select>
      </form>
      <Card title={t('revenue.months')}>
        {months.isPending && <Skeleton className="h-72 w-full" />}
        {months.data && months.data.rows.length > 0 && (
          <Suspense fallback={<Skeleton className="h-72 w-full" />}>
            <RevenueChart rows={months.data.rows} />
          </Suspense>
        )}
        {months.data?.rows.length === 0 && <p className="text-muted">{t('revenue.none')}</p>}
      </Card>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h2 className="text-xl font-semibold">{group === 'event' ? t('revenue.byEvent') : t('revenue.byFacilitator')}</h2>
        <a href={csv} download className={buttonClass('secondary')}>
          {t('csv')}
        </a>
      </div>
      {rows.isPending && <Loading className="h-10 w-full" />}
      {rows.data?.rows.length === 0 && <Empty title={t('revenue.none')}>{t('revenue.noneHint')}</Empty>}
      {rows.data && rows.data.rows.length > 0 && (
        <Table
          hideCaption
          caption={group === 'event' ? t('revenue.byEvent') : t('revenue.byFacilitator')}
          head={[t('revenue.name'), t('revenue.payments'), t('revenue.captured'), t('revenue.refunded'), t('revenue.netShort')]}
          numbers={[1, 2, 3, 4]}
        >
          {rows.data.rows.slice(0, SHOWN).map((row) => (
            <tr key={`${row.event_id}-${row.facilitator_id}-${row.currency}`}>
              <Cell>{name(row)}</Cell>
              <Cell number>{format.number(row.payments)}</Cell>
              <Cell number>{format.money(row.captured, row.currency)}</Cell>
              <Cell number>{format.money(row.refunded, row.currency)}</Cell>
              <Cell number className="font-semibold">{format.money(row.net, row.currency)}</Cell>
            </tr>
          ))}
        </Table>
      )}
      {rows.data && rows.data.rows.length > SHOWN && <p className="text-muted">{t('revenue.shown', { shown: SHOWN })}</p>}
    </Page>
  );
}

/** The highest; all are in the CSV. */
const SHOWN = 50;
