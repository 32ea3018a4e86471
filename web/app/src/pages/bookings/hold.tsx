/** How long a place is still held. */
import { Hourglass } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format';
import { Spinner } from '../../ui/button';
import { clock, spoken, useNow } from './countdown';

/** Words for screen readers come seldom: see spoken(). */
function Announced({ ms }: { ms: number }) {
  const { t } = useTranslation('bookings');
  const said = spoken(ms);
  return (
    <span role="status" className="sr-only">
      {said === null ? t('hold.over') : said.unit === 'minute' ? t('hold.minutes', { count: said.count }) : t('hold.seconds', { count: said.count })}
    </span>
  );
}

/** Only what is left, to be seen: 4:07. */
export function TimeLeft({ until }: { until: string }) {
  return <span role="timer" className="font-semibold tabular-nums">{clock(Date.parse(until) - useNow())}</span>;
}

export function HoldCountdown({ from, until, children }: { from: string; until: string; children?: ReactNode }) {
  const { t } = useTranslation('bookings');
  const format = useFormat();
  const now = useNow();
  const left = Date.parse(until) - now;
  const share = Math.min(1, Math.max(0, left / Math.max(1, Date.parse(until) - Date.parse(from))));
  const urgent = left < 60_000;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        {left > 0 ? (
          <>
            <p className="flex items-center gap-2">
              <Hourglass aria-hidden className="size-5 shrink-0 text-accent" />
              {t('hold.until', { time: format.time(until) })}
            </p>
            <p role="timer" aria-label={t('hold.left')} className={`font-display text-4xl font-semibold tabular-nums ${urgent ? 'text-bad' : ''}`}>
              {clock(left)}
            </p>
          </>
        ) : (
          <p className="flex items-center gap-3 font-semibold">
            <span className="shrink-0"><Spinner /></span>
            {t('hold.looking')}
          </p>
        )}
      </div>
      <div aria-hidden className="h-2.5 overflow-hidden rounded-full bg-sunken">
        <div className={`h-full rounded-full transition-[width] duration-1000 ease-linear ${urgent ? 'bg-bad' : 'bg-accent'}`} style={{ width: `${100 * share}%` }} />
      </div>
      <Announced ms={left} />
      {left > 0 && children}
    </div>
  );
}
