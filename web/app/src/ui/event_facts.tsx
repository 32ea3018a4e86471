/** What an event is, in a few lines: when (there and here) and where. */
import { Clock, MapPin, UserRound, Video } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Schemas } from '../api/client';
import { useFormat } from '../i18n/format';
import { sameClock } from './event_card';

type When = Pick<Schemas['Event'], 'start_datetime' | 'end_datetime' | 'time_zone'>;
type Where = Pick<Schemas['Event'], 'location' | 'virtual_link'>;

function cityOf(timeZone: string): string {
  return timeZone.split('/').pop()?.replaceAll('_', ' ') ?? timeZone;
}

/** Sat, 5 Dec, 17:30 – 19:00, and whose clock that is where it is not the reader's. */
export function EventTime({ event, both = false }: { event: When; /** Also what it is here. */ both?: boolean }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const here = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const differs = !sameClock(format, event);
  const zone = format.zone(event.time_zone, event.start_datetime);
  if (!both)
    return (
      <>
        {format.span(event.start_datetime, event.end_datetime, event.time_zone)}
        {differs && ` ${zone}`}
      </>
    );
  return (
    <>
      <span className="font-medium">{format.span(event.start_datetime, event.end_datetime, event.time_zone)}</span>
      <span className="text-sm text-muted">{t('event.zone', { zone, city: cityOf(event.time_zone) })}</span>
      {differs && (
        <span className="text-sm">
          {t('event.forYou', { span: format.span(event.start_datetime, event.end_datetime), zone: format.zone(here, event.start_datetime) })}
        </span>
      )}
    </>
  );
}

export function Fact({ Icon, label, children }: { Icon: typeof Clock; label: string; children: ReactNode }) {
  return (
    <div className="flex gap-3">
      <dt>
        <Icon aria-hidden className="mt-0.5 size-5 shrink-0 text-accent print:text-black" />
        <span className="sr-only">{label}</span>
      </dt>
      <dd className="flex min-w-0 flex-col gap-0.5 break-words">{children}</dd>
    </div>
  );
}

const linkClass = 'self-start py-0.5 text-sm font-medium text-brand underline underline-offset-4 print:text-black';

/** `joinable`: who reads this has a place, so the link of an online event is theirs. `more` stands below the time. */
export function WhenAndWhere({ event, joinable, more }: { event: When & Where; joinable: boolean; more?: ReactNode }) {
  const { t } = useTranslation('public');
  return (
    <>
      <Fact Icon={Clock} label={t('when')}>
        <EventTime event={event} both />
        {more}
      </Fact>
      {event.location && (
        <Fact Icon={MapPin} label={t('where')}>
          <span dir="auto">{event.location}</span>
          <a
            href={`https://www.openstreetmap.org/search?query=${encodeURIComponent(event.location)}`}
            target="_blank"
            rel="noopener noreferrer"
            className={`no-print ${linkClass}`}
          >
            {t('event.map')}
            <span className="sr-only"> {t('newTab')}</span>
          </a>
        </Fact>
      )}
      {event.virtual_link && (
        <Fact Icon={Video} label={t('where')}>
          <span>{t('common:online')}</span>
          {joinable ? (
            <a href={event.virtual_link} target="_blank" rel="noopener noreferrer" className={linkClass}>
              {t('event.join')}
              <span className="sr-only"> {t('newTab')}</span>
            </a>
          ) : (
            <span className="text-sm text-muted">{t('event.linkLater')}</span>
          )}
        </Fact>
      )}
    </>
  );
}

type Facts = { event: When & Where & { facilitator?: { id: number; name: string } }; joinable?: boolean };

export function EventFacts({ event, joinable = false }: Facts) {
  const { t } = useTranslation('public');
  return (
    <dl className="flex flex-col gap-4">
      <WhenAndWhere event={event} joinable={joinable} />
      {event.facilitator && (
        <Fact Icon={UserRound} label={t('event.host')}>
          <span>
            {t('event.with')}{' '}
            <Link to={`/app/facilitators/${event.facilitator.id}`} dir="auto" className="font-medium text-brand underline underline-offset-4 print:text-black">
              {event.facilitator.name}
            </Link>
          </span>
        </Fact>
      )}
    </dl>
  );
}
