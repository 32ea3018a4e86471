import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format';
import { refundSteps, type Tier } from './policy';

/** What comes back to who cancels, and until when. */
export function CancellationPolicy({ tiers, event }: { tiers: readonly Tier[]; event: { start_datetime: string; time_zone: string } }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const steps = refundSteps(tiers, event.start_datetime);
  const long = (hours: number) => {
    const days = hours % 24 === 0;
    return format.number(days ? hours / 24 : hours, { style: 'unit', unit: days ? 'day' : 'hour', unitDisplay: 'long' });
  };
  const reachesStart = steps.at(-1)?.hours === 0;
  return (
    <div className="flex flex-col gap-3">
      {steps.length > 0 && (
        <ul className="flex flex-col divide-y divide-line">
          {steps.map(({ until, hours, percent }) => (
            <li key={hours} className={`flex flex-wrap justify-between gap-x-6 py-2 ${until.getTime() < Date.now() ? 'text-muted' : ''}`}>
              <span>
                {hours === 0 ? t('policy.untilStart') : t('policy.until', { time: format.dayAndTime(until, event.time_zone) })}
                {hours > 0 && <span className="text-muted"> {t('policy.before', { long: long(hours) })}</span>}
                {until.getTime() < Date.now() && ` · ${t('policy.over')}`}
              </span>
              <span className="font-semibold">
                {percent === 100 ? t('policy.all') : t('policy.part', { percent: format.number(percent / 100, { style: 'percent' }) })}
              </span>
            </li>
          ))}
          {!reachesStart && (
            <li className="flex flex-wrap justify-between gap-x-6 py-2">
              <span>{t('policy.after')}</span>
              <span className="font-semibold">{t('policy.nothing')}</span>
            </li>
          )}
        </ul>
      )}
      {steps.length === 0 && <p>{t('policy.never')}</p>}
      <p className="text-muted">{t('policy.host')}</p>
    </div>
  );
}
