import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';
import { Button } from './button';
import { useErrorSentence } from './errors';

const kinds = {
  info: { box: 'bg-brand-soft', mark: 'text-brand', Icon: Info },
  good: { box: 'bg-good-soft', mark: 'text-good', Icon: CircleCheck },
  warn: { box: 'bg-warn-soft', mark: 'text-warn', Icon: TriangleAlert },
  bad: { box: 'bg-bad-soft', mark: 'text-bad', Icon: CircleAlert },
} as const;

export function Notice({ kind = 'info', title, children, role }: { kind?: keyof typeof kinds; title?: ReactNode; children?: ReactNode; role?: 'alert' | 'status' }) {
  const { box, mark, Icon } = kinds[kind];
  return (
    <div role={role} className={`flex gap-3 rounded-xl p-4 ${box}`}>
      <Icon aria-hidden className={`mt-0.5 size-5 shrink-0 ${mark}`} />
      <div className="flex min-w-0 flex-col gap-1 wrap-anywhere">
        {title && <p className="font-semibold">{title}</p>}
        {children}
      </div>
    </div>
  );
}

/** What went wrong, in words, with the request's number for who asks for help. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const sentence = useErrorSentence();
  if (!error) return null;
  return (
    <Notice kind="bad" role="alert" title={sentence(error)}>
      {error instanceof ApiError && error.requestId && (
        <p className="text-sm text-muted">
          {t('error.request')} <code className="break-all select-all">{error.requestId}</code>
        </p>
      )}
      {onRetry && (
        <Button look="secondary" className="mt-2 self-start" onClick={onRetry}>
          {t('error.retry')}
        </Button>
      )}
    </Notice>
  );
}
