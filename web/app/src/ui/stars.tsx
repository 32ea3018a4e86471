/** A rating out of five, in stars and for screen readers in words. */
import { useTranslation } from 'react-i18next';
import { useFormat } from '../i18n/format';

const STAR = 'M10 1.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L1.6 7.7l5.8-.8z';

/** Each star stands in a square of 20; the lit part is cut off where the rating ends. */
function Row({ lit }: { lit: boolean }) {
  return (
    <>
      {[0, 20, 40, 60, 80].map((x) => (
        <path key={x} d={STAR} transform={`translate(${x} 0)`} className={lit ? 'fill-accent' : 'fill-none stroke-edge'} />
      ))}
    </>
  );
}

export function Stars({ rating, className = 'h-4' }: { rating: number; className?: string }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  return (
    <svg
      role="img"
      aria-label={t('stars', { rating: format.number(rating) })}
      viewBox="0 0 100 20"
      className={`aspect-5/1 shrink-0 rtl:-scale-x-100 ${className}`}
    >
      <Row lit={false} />
      <svg width={rating * 20} height="20" viewBox={`0 0 ${rating * 20} 20`} overflow="hidden">
        <Row lit />
      </svg>
    </svg>
  );
}

/** ★ 4.6 (12) */
export function Rating({ rating, count }: { rating: number; count: number }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  return (
    <span className="inline-flex items-center gap-1.5">
      <svg aria-hidden viewBox="0 0 20 20" className="size-4 shrink-0 fill-accent">
        <path d={STAR} />
      </svg>
      <span className="sr-only">{t('stars', { rating: format.number(rating) })}</span>
      <span aria-hidden className="font-semibold">
        {format.number(rating, { minimumFractionDigits: 1 })}
      </span>
      {count > 0 && <span className="text-muted">({t('reviews.count', { count })})</span>}
    </span>
  );
}
