import { useTranslation } from 'react-i18next';

/** Where something will stand that is on its way. */
export function Skeleton({ className = 'h-5 w-full' }: { className?: string }) {
  return <span aria-hidden className={`block animate-pulse rounded-lg bg-line ${className}`} />;
}

/** So many lines or boxes that are on their way, announced once. */
export function Loading({ count = 3, className = 'h-24 w-full' }: { count?: number; className?: string }) {
  const { t } = useTranslation();
  return (
    <div role="status" className="flex flex-col gap-4">
      <span className="sr-only">{t('loading')}</span>
      {Array.from({ length: count }, (_, index) => (
        <Skeleton key={index} className={className} />
      ))}
    </div>
  );
}
