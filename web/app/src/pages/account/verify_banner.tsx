/** For whoever has not shown yet that the address is theirs. */
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { ErrorNotice, Notice } from '../../ui/notice';

export function VerifyBanner() {
  const { t } = useTranslation('account');
  const { profile } = useSession();
  const send = useCommand((_: null, headers) => call(api.POST('/auth/email/verification', { headers })));
  if (!profile || profile.is_verified) return null;
  return (
    <div className="flex flex-col gap-3">
      <Notice kind="warn" title={t('verify.title')}>
        <p>{t('verify.text', { email: profile.email })}</p>
        {send.isSuccess ? (
          <p role="status" className="font-semibold">
            {t('verify.sent')}
          </p>
        ) : (
          <Button look="secondary" busy={send.isPending} onClick={() => send.mutate(null)} className="mt-2 self-start">
            {t('verify.again')}
          </Button>
        )}
      </Notice>
      <ErrorNotice error={send.error} />
    </div>
  );
}
