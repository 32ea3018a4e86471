import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { useToast } from '../../ui/toast';
import { GoogleLink } from './google_button';
import { PasswordDialogForm } from './password_dialog_form';
import { siteQuery } from './site';

/** Where there is no sign-in with Google, and never was one to this account, there is nothing to say. */
export function IdentitiesCard() {
  const { t } = useTranslation('account');
  const format = useFormat();
  const client = useQueryClient();
  const say = useToast();
  const [asking, setAsking] = useState(false);
  const { data: site } = useQuery(siteQuery);
  const { data, error, refetch } = useQuery({ queryKey: ['account', 'identities'], queryFn: ({ signal }) => call(api.GET('/profile/identities', { signal })) });
  const unlink = useCommand(
    (current_password: string, headers) => call(api.DELETE('/profile/identities', { body: current_password ? { current_password } : {}, headers })),
    {
      onSuccess: async () => {
        setAsking(false);
        say(t('google.unlinked'));
        await client.invalidateQueries({ queryKey: ['account'] });
      },
    },
  );
  const linked = data?.identities ?? [];
  if (!site?.google && linked.length === 0 && !error) return null;
  return (
    <Card title={t('google.title')}>
      {error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : null}
      {linked.length > 0 ? (
        <>
          <ul className="flex flex-col gap-2">
            {linked.map((identity) => (
              <li key={identity.issuer}>
                <span className="font-medium break-all">{identity.email}</span>
                <span className="block text-sm text-muted">{t('google.since', { day: format.shortDay(identity.created_at) })}</span>
              </li>
            ))}
          </ul>
          <Button
            look="secondary"
            className="self-start"
            onClick={() => {
              unlink.reset();
              setAsking(true);
            }}
          >
            {t('google.unlink')}
          </Button>
        </>
      ) : (
        data && (
          <>
            <p className="text-muted">{t('google.none')}</p>
            <span>
              <GoogleLink next="/app/profile/security" label={t('google.link')} />
            </span>
          </>
        )
      )}
      <Dialog open={asking} title={t('google.unlinkTitle')} onClose={() => setAsking(false)}>
        <p>{t('google.unlinkText')}</p>
        <PasswordDialogForm
          submit={t('google.unlink')}
          look="danger"
          busy={unlink.isPending}
          error={unlink.error}
          onSubmit={unlink.mutate}
          onClose={() => setAsking(false)}
        />
      </Dialog>
    </Card>
  );
}
