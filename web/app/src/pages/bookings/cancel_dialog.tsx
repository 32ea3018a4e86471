/** Asks before a booking is cancelled, and says what comes back. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { ConfirmDialog, Dialog } from '../../ui/dialog';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { type Booking, useChanged } from './queries';

export function CancelDialog({ booking, open, onClose }: { booking: Booking; open: boolean; onClose: () => void }) {
  const { t } = useTranslation('bookings');
  const changed = useChanged();
  const say = useToast();
  const { data: quote, error, refetch } = useQuery({
    queryKey: ['bookings', 'quote', booking.id],
    queryFn: ({ signal }) => call(api.GET('/bookings/{booking_id}/refund-quote', { params: { path: { booking_id: booking.id } }, signal })),
    enabled: open,
    staleTime: 0, // what is read here is what one decides by
    gcTime: 0,
  });
  const cancel = useCommand((id: number, headers) => call(api.POST('/bookings/{booking_id}/cancel', { params: { path: { booking_id: id } }, headers })), {
    onSuccess: ({ booking: cancelled }) => {
      changed(cancelled);
      onClose();
      say(t('cancel.done'));
      setTimeout(() => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true })); // the button that opened this is gone
    },
    onError: (failure) => failure instanceof ApiError && failure.status === 409 && changed(),
  });
  if (!quote || !quote.cancellable)
    return (
      <Dialog open={open} title={t('cancel.ask')} onClose={onClose}>
        {error && <ErrorNotice error={error} onRetry={() => void refetch()} />}
        {!error && !quote && <Loading count={1} />}
        {!error && quote && <Notice kind="warn" title={t('common:refusal.booking_not_cancellable')} />}
      </Dialog>
    );
  return (
    <ConfirmDialog
      open={open} title={t('cancel.ask')} confirm={t('cancel.confirm')} busy={cancel.isPending} error={cancel.error}
      onConfirm={() => cancel.mutate(booking.id)} onClose={onClose}
    >
      <Quote booking={booking} quote={quote} />
      <p className="text-muted">{t('cancel.final')}</p>
    </ConfirmDialog>
  );
}

type QuoteProps = { booking: Booking; quote: { paid_amount: number; refund_percent: number; amount: number; currency: string; changes_at: string | null } };

function Quote({ booking, quote }: QuoteProps) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const money = (amount: number) => format.money(amount, quote.currency);
  if (quote.paid_amount === 0) return <p>{t(booking.price > 0 ? 'cancel.nothingPaid' : 'cancel.free')}</p>;
  const until = quote.changes_at && t('cancel.until', { time: format.dayAndTime(quote.changes_at) });
  if (quote.amount === 0)
    return (
      <Notice kind="warn" title={t('cancel.nothingBack', { paid: money(quote.paid_amount) })}>
        <p>{t('cancel.nothingBackText')}</p>
      </Notice>
    );
  return (
    <>
      <dl className="flex flex-col divide-y divide-line rounded-xl bg-sunken px-4">
        <div className="flex justify-between gap-4 py-3">
          <dt>{t('cancel.paid')}</dt>
          <dd className="tabular-nums">{money(quote.paid_amount)}</dd>
        </div>
        <div className="flex flex-wrap items-baseline justify-between gap-x-4 py-3">
          <dt className="font-semibold">{t('cancel.back', { percent: format.number(quote.refund_percent / 100, { style: 'percent' }) })}</dt>
          <dd className="font-display text-2xl font-semibold tabular-nums">{money(quote.amount)}</dd>
        </div>
      </dl>
      {until && <p>{until}</p>}
    </>
  );
}
