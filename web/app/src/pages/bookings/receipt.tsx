/** What was paid for a booking, and what went back. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { api, ApiError, call, type Schemas } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { ButtonLink } from '../../ui/button';
import { EventTime } from '../../ui/event_facts';
import { ErrorNotice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { PrintButton, UnknownBooking } from './booking';
import { isUnknown } from './queries';

export default function ReceiptPage() {
  const { t } = useTranslation('bookings');
  const id = Number(useParams().bookingId);
  const { data, error, refetch } = useQuery({
    queryKey: ['bookings', 'receipt', id],
    queryFn: ({ signal }) => call(api.GET('/bookings/{booking_id}/receipt', { params: { path: { booking_id: id } }, signal })),
  });
  const unpaid = error instanceof ApiError && error.code === 'booking_not_paid';
  return (
    <Page title={t('receipt.title')} actions={data && <PrintButton />}>
      {!data && !error && <Loading count={1} className="h-96 w-full rounded-2xl" />}
      {unpaid && (
        <Empty title={t('receipt.none')} action={<ButtonLink to={`/app/bookings/${id}`}>{t('booking.see')}</ButtonLink>}>
          {t('receipt.noneText')}
        </Empty>
      )}
      {error && !unpaid && (isUnknown(error) ? <UnknownBooking /> : <ErrorNotice error={error} onRetry={() => void refetch()} />)}
      {data && <Receipt receipt={data} />}
      {data && <ButtonLink to={`/app/bookings/${id}`} look="quiet" className="no-print self-start">{t('booking.see')}</ButtonLink>}
    </Page>
  );
}

/** They write themselves like the names that the API has for them, but for the capital letter. */
function providerName(provider: string): string {
  return provider.charAt(0).toUpperCase() + provider.slice(1);
}

type Line = { key: string; what: string; detail: string; amount: number };

function Receipt({ receipt }: { receipt: Schemas['Receipt'] }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const money = (amount: number) => format.money(amount, receipt.currency);
  const payments = receipt.payments.map(
    (paid): Line => ({
      key: paid.captured_at,
      what: t('receipt.payment', { provider: providerName(paid.provider), time: format.dayAndTime(paid.captured_at) }),
      detail: paid.provider_payment_id ?? '',
      amount: paid.amount,
    }),
  );
  const refunds = receipt.refunds.map(
    (back): Line => ({
      key: back.refund_id,
      what:
        back.status === 'processed' && back.processed_at
          ? t('receipt.refunded', { time: format.dayAndTime(back.processed_at) })
          : t('receipt.owed', { time: format.dayAndTime(back.created_at) }),
      detail: back.refund_id,
      amount: -back.amount,
    }),
  );
  return (
    <article className="flex flex-col gap-6 rounded-2xl border border-line bg-surface p-5 sm:p-8 print:border-0 print:p-0">
      <header className="flex flex-wrap justify-between gap-4">
        <div>
          <p className="font-display text-2xl font-semibold text-brand print:text-black">Tithi</p>
          <p className="text-muted">{t('receipt.number')} <span className="inline-block font-mono select-all">{receipt.number}</span></p>
        </div>
        <p>{format.day(receipt.issued_at)}</p>
      </header>
      <dl className="grid gap-4 sm:grid-cols-2">
        <div>
          <dt className="text-sm text-muted">{t('receipt.to')}</dt>
          <dd dir="auto" className="font-semibold">{receipt.person.name}</dd>
          <dd className="break-words">{receipt.person.email}</dd>
        </div>
        <div>
          <dt className="text-sm text-muted">{t('receipt.from')}</dt>
          <dd dir="auto" className="font-semibold">{receipt.facilitator.name}</dd>
        </div>
      </dl>
      <table className="w-full">
        <caption className="sr-only">{t('receipt.lines')}</caption>
        <thead>
          <tr className="border-b-2 border-line text-sm text-muted">
            <th scope="col" className="py-2 text-start font-semibold">{t('receipt.what')}</th>
            <th scope="col" className="py-2 ps-4 text-end font-semibold">{t('receipt.amount')}</th>
          </tr>
        </thead>
        <tbody>
          {receipt.lines.map((line, index) => (
            <tr key={index} className="border-b border-line align-top">
              <td className="py-3">
                <span dir="auto" className="font-semibold break-words">{line.what}</span>
                <span className="block text-muted"><EventTime event={receipt.event} /></span>
                {receipt.event.location && <span dir="auto" className="block text-muted">{receipt.event.location}</span>}
                <span className="block text-muted">{t('booking.number')} <span className="inline-block font-mono">{receipt.booking_reference}</span></span>
              </td>
              <td className="py-3 ps-4 text-end whitespace-nowrap tabular-nums">{format.money(line.amount, line.currency)}</td>
            </tr>
          ))}
          {[...payments, ...refunds].map((line) => (
            <tr key={line.key} className="align-top text-muted">
              <td className="pt-3">
                {line.what}
                {line.detail && <span className="block font-mono text-sm break-all">{line.detail}</span>}
              </td>
              <td className="pt-3 ps-4 text-end whitespace-nowrap tabular-nums">{money(line.amount)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          {receipt.refunded > 0 && (
            <>
              <Total label={t('receipt.paid')} value={money(receipt.paid)} />
              <Total label={t('receipt.back')} value={money(-receipt.refunded)} />
            </>
          )}
          <Total label={t(receipt.refunded > 0 ? 'receipt.kept' : 'receipt.paid')} value={money(receipt.paid - receipt.refunded)} strong />
        </tfoot>
      </table>
      <p className="text-sm text-muted">{t('receipt.noInvoice')}</p>
    </article>
  );
}

function Total({ label, value, strong = false }: { label: string; value: string; strong?: boolean }) {
  return (
    <tr className={strong ? 'text-xl font-semibold' : ''}>
      <th scope="row" className="pt-4 text-start font-semibold">{label}</th>
      <td className="pt-4 ps-4 text-end whitespace-nowrap tabular-nums">{value}</td>
    </tr>
  );
}
