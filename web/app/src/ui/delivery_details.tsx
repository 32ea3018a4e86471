import { useTranslation } from 'react-i18next';
import type { Schemas } from '../api/client';
import { useFormat } from '../i18n/format';
import { laidOut } from './json';
import { Cell, Table } from './table';

/** What was sent, and what became of each attempt. */
export function DeliveryDetails({ body, attempts }: { body: string; attempts: Schemas['WebhookAttempt'][] }) {
  const { t } = useTranslation('webhooks');
  const format = useFormat();
  return (
    <>
      {attempts.length > 0 && (
        <Table caption={t('attempts')} head={[t('at'), t('took'), t('httpStatus'), t('answer')]} numbers={[1, 2]}>
          {attempts.map((attempt) => (
            <tr key={attempt.number}>
              <Cell className="whitespace-nowrap">{format.dayAndTime(attempt.started_at)}</Cell>
              <Cell number>{t('ms', { value: format.number(attempt.duration_ms) })}</Cell>
              <Cell number>{attempt.status ?? '–'}</Cell>
              <Cell className="break-all">{attempt.error ?? attempt.response ?? ''}</Cell>
            </tr>
          ))}
        </Table>
      )}
      <div>
        <h3 className="pb-1 font-semibold">{t('body')}</h3>
        <pre tabIndex={0} className="max-h-80 overflow-auto rounded-lg bg-sunken p-3 text-sm">
          {laidOut(body)}
        </pre>
      </div>
    </>
  );
}
