/** Which mails one gets. Switches count at once, and can be taken back. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, call } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { ErrorNotice } from '../../ui/notice';
import { Card, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Switch } from '../../ui/switch';
import { useToast } from '../../ui/toast';

const KINDS = ['booking', 'payment', 'change', 'reminder', 'digest'] as const;
type Kind = (typeof KINDS)[number];
type Change = { kind: Kind; on: boolean };

const mailQuery = { queryKey: ['account', 'mail'], queryFn: ({ signal }: { signal: AbortSignal }) => call(api.GET('/profile/mail', { signal })) };

export default function MailPage() {
  const { t } = useTranslation('account');
  const { isFacilitator } = useSession();
  const format = useFormat();
  const client = useQueryClient();
  const say = useToast();
  const { data, error, refetch } = useQuery(mailQuery);
  const [wanted, setWanted] = useState<Partial<Record<Kind, boolean>>>({}); // shown before the answer comes
  const change = useMutation({
    mutationFn: ({ kind, on }: Change) => call(api.PUT('/profile/mail', { body: { [kind]: on } })),
    scope: { id: 'mail' }, // one after the other: the last one counts
    onSuccess: (settings) => client.setQueryData(mailQuery.queryKey, settings),
    onSettled: (_, __, { kind, on }) => setWanted((before) => (before[kind] === on ? { ...before, [kind]: undefined } : before)),
  });
  const set = (given: Change) => {
    setWanted((before) => ({ ...before, [given.kind]: given.on }));
    change.mutate(given);
  };
  const choose = (given: Change) => {
    set(given);
    say(t(given.on ? 'mail.turnedOn' : 'mail.turnedOff', { kind: t(`mail.kind.${given.kind}`) }), () => set({ ...given, on: !given.on }));
  };
  const kinds = KINDS.filter((kind) => kind !== 'digest' || isFacilitator);
  return (
    <Page title={t('mail.title')} lead={t('mail.lead')}>
      {error && !data ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : null}
      {!data && !error && <Loading count={1} className="h-96 w-full" />}
      {data && (
        <>
          <Card>
            <ErrorNotice error={change.error} />
            <ul className="flex flex-col divide-y divide-line">
              {kinds.map((kind) => (
                <li key={kind} className="py-4 first:pt-0 last:pb-0">
                  <Switch
                    label={t(`mail.kind.${kind}`)}
                    hint={t(`mail.text.${kind}`)}
                    checked={wanted[kind] ?? data[kind]}
                    onChange={(on) => choose({ kind, on })}
                  />
                </li>
              ))}
            </ul>
          </Card>
          <p className="text-muted">{t('mail.always')}</p>
          <p className="text-muted">
            {t('mail.language', { language: format.languageName(data.language), zone: data.time_zone.replaceAll('_', ' ') })}{' '}
            <Link to="/app/profile" className="text-brand underline underline-offset-4">
              {t('mail.languageChange')}
            </Link>
          </p>
        </>
      )}
    </Page>
  );
}
