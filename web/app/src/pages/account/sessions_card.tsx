import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Laptop, Smartphone } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/dialog';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Card } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { deviceOf } from './devices';

type Session = Schemas['LoginSession'];

export function SessionsCard() {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const say = useToast();
  const [asking, setAsking] = useState(false);
  const { data, error, refetch } = useQuery({ queryKey: ['account', 'sessions'], queryFn: ({ signal }) => call(api.GET('/auth/sessions', { signal })) });
  const settled = () => client.invalidateQueries({ queryKey: ['account'] });
  const endOne = useMutation({
    mutationFn: (session_id: string) => call(api.DELETE('/auth/sessions/{session_id}', { params: { path: { session_id } } })),
    onSuccess: () => say(t('sessions.ended', { count: 1 })),
    onSettled: settled,
  });
  const endOthers = useMutation({
    mutationFn: () => call(api.DELETE('/auth/sessions', { params: { query: { keep_current: true } } })),
    onSuccess: ({ ended }) => {
      setAsking(false);
      say(t('sessions.ended', { count: ended }));
    },
    onSettled: settled,
  });
  const sessions = [...(data?.sessions ?? [])].sort((a, b) => Number(b.current) - Number(a.current));
  return (
    <Card
      title={t('sessions.title')}
      actions={
        sessions.length > 1 && (
          <Button
            look="secondary"
            onClick={() => {
              endOthers.reset();
              setAsking(true);
            }}
          >
            {t('sessions.endOthers')}
          </Button>
        )
      }
    >
      <p className="text-muted">{t('sessions.text')}</p>
      {error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : null}
      {!data && !error && <Loading count={2} className="h-16 w-full" />}
      <ErrorNotice error={endOne.error} />
      {data && (
        <ul className="flex flex-col divide-y divide-line">
          {sessions.map((session) => (
            <SessionRow key={session.id} session={session} busy={endOne.isPending && endOne.variables === session.id} onEnd={() => endOne.mutate(session.id)} />
          ))}
        </ul>
      )}
      <ConfirmDialog
        open={asking}
        title={t('sessions.endOthersTitle')}
        confirm={t('sessions.endOthers')}
        busy={endOthers.isPending}
        error={endOthers.error}
        onConfirm={() => endOthers.mutate()}
        onClose={() => setAsking(false)}
      >
        <p>{t('sessions.endOthersText')}</p>
      </ConfirmDialog>
    </Card>
  );
}

function SessionRow({ session, busy, onEnd }: { session: Session; busy: boolean; onEnd: () => void }) {
  const { t } = useTranslation('account');
  const format = useFormat();
  const { browser, system, mobile } = deviceOf(session.device);
  const Icon = mobile ? Smartphone : Laptop;
  const name = browser && system ? t('sessions.device', { browser, system }) : (browser ?? system ?? t('sessions.unknown'));
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3">
      <Icon aria-hidden className="size-6 shrink-0 text-muted" />
      <div className="min-w-0 flex-1 basis-52">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          {name} {session.current && <Badge tone="good">{t('sessions.current')}</Badge>}
        </p>
        <p className="text-sm break-words text-muted">
          {[
            t('sessions.used', { when: format.relative(session.last_used_at) }),
            session.address,
            t('sessions.since', { day: format.shortDay(session.created_at) }),
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      </div>
      {!session.current && (
        <Button look="quiet" busy={busy} onClick={onEnd} aria-label={t('sessions.endLabel', { device: name })}>
          {t('sessions.end')}
        </Button>
      )}
    </li>
  );
}
