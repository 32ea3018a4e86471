/** Cancelling an event: first what that would do, then a second yes. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Checkbox } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { forgetEvent } from './queries';

export function CancelDialog({ event, onClose }: { event: Schemas['Event']; onClose: () => void }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const client = useQueryClient();
  const say = useToast();
  const [sure, setSure] = useState(false);
  const path = { path: { event_id: event.id } };
  const preview = useQuery({
    queryKey: ['cancellation', event.id], // not asked anew once it is cancelled
    queryFn: ({ signal }) => call(api.GET('/facilitator/events/{event_id}/cancel', { params: path, signal })),
    staleTime: 0,
    gcTime: 0,
  });
  const cancel = useCommand((_: undefined, headers) => call(api.POST('/facilitator/events/{event_id}/cancel', { params: path, headers })), {
    onSuccess: async ({ bookings_cancelled }) => {
      say(t('cancel.done', { count: bookings_cancelled }));
      onClose();
      await forgetEvent(client, event.id);
    },
  });
  const would = preview.data;
  const refunds = would ? format.list(would.refunds.map(({ amount, currency }) => format.money(amount, currency))) : '';
  return (
    <Dialog open title={t('cancel.title')} onClose={onClose}>
      <p className="font-medium" dir="auto">{event.title}</p>
      <p className="text-muted">{format.span(event.start_datetime, event.end_datetime, event.time_zone)}</p>
      <ErrorNotice error={preview.error} onRetry={() => void preview.refetch()} />
      {preview.isPending && <Loading count={2} className="h-8 w-full" />}
      {would && (
        <>
          <Notice kind={would.bookings > 0 ? 'warn' : 'info'} title={t('cancel.means')}>
            <ul className="flex list-disc flex-col gap-1 ps-5">
              <li>{would.bookings > 0 ? t('cancel.bookings', { count: would.bookings }) : t('cancel.nobody')}</li>
              {would.pending > 0 && <li>{t('cancel.pending', { count: would.pending })}</li>}
              {would.paid_bookings > 0 && <li className="font-semibold">{t('cancel.refunds', { count: would.paid_bookings, amount: refunds })}</li>}
              {would.waiting > 0 && <li>{t('cancel.waiting', { count: would.waiting })}</li>}
              <li>{t('cancel.forGood')}</li>
            </ul>
          </Notice>
          {would.bookings > 0 && (
            <Checkbox
              label={refunds ? t('cancel.surePaid', { amount: refunds }) : t('cancel.sure', { count: would.bookings })}
              checked={sure}
              onChange={(change) => setSure(change.target.checked)}
            />
          )}
        </>
      )}
      <ErrorNotice error={cancel.error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="secondary" onClick={onClose}>{t('common:keep')}</Button>
        <Button look="danger" busy={cancel.isPending} disabled={!would || (would.bookings > 0 && !sure)} onClick={() => cancel.mutate(undefined)}>
          {t('cancel.do')}
        </Button>
      </div>
    </Dialog>
  );
}
