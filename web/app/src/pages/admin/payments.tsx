/** Who has paid, who has not, and who got money back. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { usePages } from '../../api/pages';
import { useFormat } from '../../i18n/format';
import { buttonClass } from '../../ui/button';
import { Select } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';
import { useQueryParts } from '../../ui/use_query_parts';

const STATES = ['paid', 'unpaid', 'refunded'] as const;

export default function Payments() {
  const { t } = useTranslation('admin');
  const format = useFormat();
  const [params, change] = useQueryParts();
  const state = STATES.find((each) => each === params.get('state'));
  const query = usePages(['admin', 'payments', state], (after, signal) => call(api.GET('/admin/payments', { params: { query: { state, after } }, signal })));
  const people = query.data?.pages.flatMap((page) => page.people) ?? [];
  return (
    <Page
      wide
      title={t('payments.title')}
      lead={t('payments.lead')}
      actions={
        <a href={`/admin/payments.csv${state ? `?state=${state}` : ''}`} download className={buttonClass('secondary')}>
          {t('csv')}
        </a>
      }
    >
      <div className="max-w-xs">
        <Select label={t('payments.state')} value={state ?? ''} onChange={(event) => change('state', event.target.value)}>
          <option value="">{t('all')}</option>
          <option value="paid">{t('payments.paid')}</option>
          <option value="unpaid">{t('payments.unpaid')}</option>
          <option value="refunded">{t('payments.refunded')}</option>
        </Select>
      </div>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-10 w-full" count={6} />}
      {query.isSuccess && people.length === 0 && <Empty title={t('payments.none')}>{t('payments.noneHint')}</Empty>}
      {people.length > 0 && (
        <Table hideCaption caption={t('payments.title')} head={[t('payments.person'), t('payments.event'), t('payments.booking'), t('payments.price'), t('payments.paidAmount'), t('payments.refundedAmount')]} numbers={[3, 4, 5]}>
          {people.map((person) => (
            <tr key={person.booking_id}>
              <Cell>
                {person.name}
                <span className="block text-sm text-muted">{person.email}</span>
              </Cell>
              <Cell>
                <Link to={`/app/events/${person.event_id}`} className="underline underline-offset-4">
                  {person.event_title}
                </Link>
              </Cell>
              <Cell>
                <Badge tone={person.status === 'confirmed' ? 'good' : person.status === 'pending' ? 'warn' : 'plain'}>{t(`common:status.${person.status}`)}</Badge>
                <span className="block pt-1 text-sm text-muted">{person.booking_reference}</span>
              </Cell>
              <Cell number>{format.money(person.price, person.currency)}</Cell>
              <Cell number>
                {format.money(person.paid_amount, person.currency)}
                {person.paid_at && <span className="block text-sm text-muted">{format.shortDay(person.paid_at)}</span>}
              </Cell>
              <Cell number>{format.money(person.refunded_amount, person.currency)}</Cell>
            </tr>
          ))}
        </Table>
      )}
      <More query={query} />
    </Page>
  );
}
