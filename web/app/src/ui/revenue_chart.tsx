/** Revenue by month, a bar chart for each currency, and the same in a table for who cannot see or would rather read it. */
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { Schemas } from '../api/client';
import { useFormat } from '../i18n/format';
import { Cell, Table } from './table';

type Row = Schemas['Revenue']['rows'][number];

export default function RevenueChart({ rows }: { rows: Row[] }) {
  const currencies = [...new Set(rows.map((row) => row.currency))].sort();
  return (
    <div className="flex flex-col gap-8">
      {currencies.map((currency) => (
        <Months key={currency} currency={currency} rows={rows.filter((row) => row.currency === currency).sort((one, other) => (one.month ?? '').localeCompare(other.month ?? ''))} />
      ))}
    </div>
  );
}

function Months({ currency, rows }: { currency: string; rows: Row[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const month = (text: string) => new Date(`${text}-01T12:00:00Z`);
  const short = (text: string) => month(text).toLocaleDateString(document.documentElement.lang, { month: 'short', year: '2-digit', timeZone: 'UTC' });
  return (
    <div className="flex flex-col gap-3">
      <h3 className="font-semibold">{currency}</h3>
      <div className="h-64" aria-hidden>
        <ResponsiveContainer>
          <BarChart data={rows} accessibilityLayer={false} maxBarSize={48}>
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis dataKey="month" tickFormatter={short} stroke="var(--muted)" tickLine={false} />
            <YAxis width={70} tickFormatter={(value: number) => format.number(value, { notation: 'compact' })} stroke="var(--muted)" tickLine={false} axisLine={false} />
            <Tooltip
              cursor={{ fill: 'var(--sunken)' }}
              contentStyle={{ background: 'var(--surface)', border: '1px solid var(--line)', borderRadius: 8, color: 'var(--ink)' }}
              labelFormatter={(label) => short(String(label))}
              formatter={(value, name) => [format.money(Number(value), currency), name]}
            />
            <Bar dataKey="net" name={t('revenueChart.net')} fill="var(--brand)" radius={[4, 4, 0, 0]} isAnimationActive={false} />
            <Bar dataKey="refunded" name={t('revenueChart.refunded')} fill="var(--accent)" radius={[4, 4, 0, 0]} isAnimationActive={false} />
          </BarChart>
        </ResponsiveContainer>
      </div>
      <details>
        <summary className="cursor-pointer py-1 font-medium text-brand">{t('revenueChart.asTable')}</summary>
        <Table hideCaption caption={`${t('revenueChart.caption')}: ${currency}`} head={[t('revenueChart.month'), t('revenueChart.captured'), t('revenueChart.refunded'), t('revenueChart.net')]} numbers={[1, 2, 3]}>
          {rows.map((row) => (
            <tr key={row.month}>
              <Cell>{short(row.month ?? '')}</Cell>
              <Cell number>{format.money(row.captured, currency)}</Cell>
              <Cell number>{format.money(row.refunded, currency)}</Cell>
              <Cell number>{format.money(row.net, currency)}</Cell>
            </tr>
          ))}
        </Table>
      </details>
    </div>
  );
}
