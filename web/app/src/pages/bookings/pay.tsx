/** To the provider's page, in this tab: it leads back to /app/bookings?paid=… */
import { CreditCard } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { Button, buttonClass, type Look } from '../../ui/button';
import { ErrorNotice, Notice } from '../../ui/notice';
import { type Booking, useChanged } from './queries';

export function Pay({ booking, label, look = 'primary' }: { booking: Booking; label: string; look?: Look }) {
  const { t } = useTranslation('bookings');
  const changed = useChanged();
  const ask = useCommand((id: number, headers) => call(api.POST('/payments/create', { body: { booking_id: id }, headers })), {
    onSuccess: ({ payment_url: address }) => address && window.location.assign(address),
    onError: (error) => error instanceof ApiError && error.status === 409 && changed(),
  });
  const words = (
    <>
      <CreditCard aria-hidden className="size-5" />
      {label}
    </>
  );
  if (booking.payment_url)
    return (
      <a href={booking.payment_url} className={buttonClass(look)}>
        {words}
      </a>
    );
  return (
    <>
      <Button look={look} busy={ask.isPending} onClick={() => ask.mutate(booking.id)}>
        {words}
      </Button>
      {ask.data?.payment_url === null && (
        <Notice kind="warn" role="alert" title={t('pay.unreachable')}>
          <p>{t('pay.unreachableText')}</p>
        </Notice>
      )}
      <ErrorNotice error={ask.error} />
    </>
  );
}
