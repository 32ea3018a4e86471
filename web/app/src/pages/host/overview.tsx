/** What a host wants to know first: what comes next, what is new, what came in. */
import { useQuery } from '@tanstack/react-query';
import { CalendarPlus, Check } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { ButtonLink } from '../../ui/button';
import { Figure, Figures } from '../../ui/figures';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { EventRow, isOver } from './event_row';
import { useInbox } from './live';

const DAY_MS = 86_400_000;
const SHOWN = 4;
const linkClass = 'inline-block py-1 text-brand underline underline-offset-4';

export default function Overview() {
  const { t } = useTranslation('host');
  const format = useFormat();
  const { profile } = useSession();
  const [from] = useState(() => new Date(Date.now() - DAY_MS).toISOString());
  const events = useQuery({
    queryKey: ['host', 'events', 'next', from],
    queryFn: ({ signal }) => call(api.GET('/facilitator/events', { params: { query: { from, active: true, sort: 'start', limit: SHOWN + 4 } }, signal })),
  });
  const any = useQuery({
    queryKey: ['host', 'events', 'any'],
    queryFn: ({ signal }) => call(api.GET('/facilitator/events', { params: { query: { limit: 1 } }, signal })),
    enabled: events.data?.events.length === 0,
  });
  const figures = useQuery({ queryKey: ['host', 'figures'], queryFn: ({ signal }) => call(api.GET('/facilitator/figures', { signal })) });
  const unread = useInbox().data?.pages[0]?.unread_count;
  const next = (events.data?.events ?? []).filter((event) => !isOver(event)).slice(0, SHOWN);
  const isNew = any.data?.events.length === 0;
  return (
    <Page
      wide
      title={t('overview.title', { name: profile?.name ?? '' })}
      actions={
        <ButtonLink to="/app/host/events/new">
          <CalendarPlus aria-hidden className="size-5" />
          {t('new.title')}
        </ButtonLink>
      }
    >
      {profile?.facilitator_pending && (
        <Notice kind="warn" title={t('overview.pending')}>
          <p>{t('overview.pendingText')}</p>
        </Notice>
      )}
      <ErrorNotice error={events.error ?? figures.error} onRetry={() => void Promise.all([events.refetch(), figures.refetch()])} />
      {isNew ? (
        <FirstSteps described={!!profile?.bio} />
      ) : (
        <>
          {(figures.isPending || unread === undefined) && !figures.error && <Loading count={1} className="h-28 w-full rounded-2xl" />}
          {figures.data && unread !== undefined && (
            <Figures>
              <Figure
                label={t('overview.unread')}
                value={format.number(unread)}
                hint={<Link to={unread > 0 ? '/app/host/inbox?unread=true' : '/app/host/inbox'} className={linkClass}>{t('overview.toInbox')}</Link>}
              />
              {figures.data.currencies.map((sum) => (
                <Figure
                  key={sum.currency}
                  label={t('overview.earned', { currency: sum.currency })}
                  value={format.money(sum.net, sum.currency)}
                  hint={sum.held > 0 ? t('overview.held', { amount: format.money(sum.held, sum.currency) }) : undefined}
                />
              ))}
              <Figure
                label={t('overview.paidPeople')}
                value={format.number(figures.data.paid_people)}
                hint={<Link to="/app/host/earnings" className={linkClass}>{t('overview.toEarnings')}</Link>}
              />
            </Figures>
          )}
          <div className="flex flex-wrap items-center justify-between gap-2">
            <h2 className="text-2xl font-semibold">{t('overview.next')}</h2>
            <Link to="/app/host/events" className="py-1 font-medium text-brand underline underline-offset-4">
              {t('overview.all')}
            </Link>
          </div>
          {events.isPending && <Loading className="h-40 w-full rounded-2xl" />}
          {events.isSuccess && next.length === 0 && any.data && (
            <Card>
              <p>{t('overview.nothing')}</p>
              <ButtonLink to="/app/host/events/new" className="self-start">{t('new.title')}</ButtonLink>
            </Card>
          )}
          <ul className="grid gap-4 lg:grid-cols-2">
            {next.map((event) => (
              <li key={event.id} className="flex min-w-0 flex-col [&>article]:flex-1">
                <EventRow event={event} level={3} brief />
              </li>
            ))}
          </ul>
        </>
      )}
    </Page>
  );
}

function FirstSteps({ described }: { described: boolean }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const steps = [
    { title: t('steps.describe'), text: t('steps.describeText'), done: described, to: '/app/profile', action: t('steps.toProfile') },
    { title: t('steps.publish'), text: t('steps.publishText'), done: false, to: '/app/host/events/new', action: t('new.title') },
    { title: t('steps.share'), text: t('steps.shareText'), done: false, to: null, action: '' },
  ];
  const first = steps.findIndex((step) => !step.done);
  return (
    <Card title={t('steps.title')}>
      <ol className="flex flex-col divide-y divide-line">
        {steps.map(({ title, text, done, to, action }, index) => (
          <li key={title} className="flex gap-4 py-4 first:pt-0 last:pb-0">
            <span
              aria-hidden
              className={`grid size-9 shrink-0 place-items-center rounded-full font-semibold ${done ? 'bg-good-soft text-good' : 'bg-brand-soft text-brand'}`}
            >
              {done ? <Check className="size-5" /> : format.number(index + 1)}
            </span>
            <div className="flex min-w-0 flex-col gap-2">
              <div>
                <h3 className="text-lg font-semibold">{title}</h3>
                <p className="text-muted">{text}</p>
              </div>
              {to && !done && <ButtonLink to={to} look={index === first ? 'primary' : 'secondary'} className="self-start">{action}</ButtonLink>}
            </div>
          </li>
        ))}
      </ol>
    </Card>
  );
}
