/** The reader's bookings: those ahead with what waits, those past, those that came to nothing. */
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { ButtonLink } from '../../ui/button';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { BookingCard } from './booking_card';
import { Paid } from './paid';
import { useBookings, useWaitlist } from './queries';
import { WaitingList } from './waiting_list';

const TABS = ['upcoming', 'past', 'cancelled'] as const;
type Tab = (typeof TABS)[number];

export default function Bookings() {
  const { t } = useTranslation('bookings');
  const [params] = useSearchParams();
  const tab: Tab = TABS.find((each) => each === params.get('show')) ?? 'upcoming';
  const paid = params.get('paid');
  return (
    <Page title={t('list.title')} actions={<ButtonLink to="/app/events" look="secondary">{t('browse')}</ButtonLink>}>
      {paid && <Paid key={paid} reference={paid} />}
      <nav aria-label={t('list.which')} className="no-print overflow-x-auto border-b border-line max-sm:-mx-4 max-sm:px-4">
        <ul className="flex gap-1">
          {TABS.map((each) => (
            <li key={each}>
              <Link
                to={each === 'upcoming' ? '/app/bookings' : `/app/bookings?show=${each}`}
                aria-current={each === tab ? 'page' : undefined}
                className={`block border-b-3 px-3 py-3 font-medium whitespace-nowrap ${each === tab ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink'}`}
              >
                {t(`list.${each}`)}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {tab === 'upcoming' ? <Upcoming /> : tab === 'past' ? <Past /> : <Cancelled />}
    </Page>
  );
}

type Listed = ReturnType<typeof useBookings>;

/** What is still on its way stands as a skeleton, what failed as its error; else nothing. */
function Missing({ lists }: { lists: Listed[] }) {
  const failed = lists.find(({ query }) => query.error)?.query;
  if (failed) return <ErrorNotice error={failed.error} onRetry={() => void failed.refetch()} />;
  return lists.some(({ bookings }) => bookings === undefined) ? <Loading className="h-36 w-full rounded-2xl" /> : null;
}

function known(lists: Listed[]): boolean {
  return lists.every(({ bookings }) => bookings !== undefined);
}

function Cards({ title, list }: { title: string; list: Listed }) {
  if (!list.bookings?.length) return null;
  return (
    <section aria-label={title} className="flex flex-col gap-4">
      <h2 className="text-xl font-semibold">{title}</h2>
      {list.bookings.map((booking) => (
        <BookingCard key={booking.id} booking={booking} level={3} />
      ))}
      <More query={list.query} />
    </section>
  );
}

function Upcoming() {
  const { t } = useTranslation('bookings');
  const pending = useBookings({ status: 'pending', sort: 'start' });
  const confirmed = useBookings({ status: 'confirmed', sort: 'start' });
  const { entries } = useWaitlist();
  const lists = [pending, confirmed];
  const offered = entries?.some(({ state }) => state === 'offered') ?? false;
  const none = known(lists) && lists.every(({ bookings }) => bookings?.length === 0);
  return (
    <>
      {offered && <WaitingList />}
      <Cards title={t('list.pending')} list={pending} />
      <Cards title={t('list.ahead')} list={confirmed} />
      <Missing lists={lists} />
      {none && (
        <Empty title={t('list.noneAhead')} action={<ButtonLink to="/app/events">{t('browse')}</ButtonLink>}>
          {t('list.noneAheadText')}
        </Empty>
      )}
      {!offered && <WaitingList />}
    </>
  );
}

function Past() {
  const { t } = useTranslation('bookings');
  const past = useBookings({ status: 'completed', sort: '-start' });
  return (
    <>
      <Cards title={t('list.attended')} list={past} />
      <Missing lists={[past]} />
      {past.bookings?.length === 0 && <Empty title={t('list.nonePast')}>{t('list.nonePastText')}</Empty>}
    </>
  );
}

function Cancelled() {
  const { t } = useTranslation('bookings');
  const cancelled = useBookings({ status: 'cancelled', sort: '-created' });
  const expired = useBookings({ status: 'expired', sort: '-created' });
  const lists = [cancelled, expired];
  const none = known(lists) && lists.every(({ bookings }) => bookings?.length === 0);
  return (
    <>
      <Cards title={t('list.cancelledOnes')} list={cancelled} />
      <Cards title={t('list.expired')} list={expired} />
      <Missing lists={lists} />
      {none && <Empty title={t('list.noneCancelled')} />}
    </>
  );
}
