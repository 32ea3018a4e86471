/** One's own data: to take with one, or to have erased. */
import { useMutation } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useForgetSession, useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card, Page } from '../../ui/page';
import { PasswordDialogForm } from './password_dialog_form';
import { takeAll } from './personal_data';
import { saveFile } from './save_file';

export default function DataPage() {
  const { t } = useTranslation('account');
  const { isAdmin } = useSession();
  return (
    <Page title={t('data.title')} lead={t('data.lead')}>
      <Export />
      <Card title={t('data.delete')}>
        {isAdmin ? (
          <Notice kind="info">
            <p>{t('data.admin')}</p>
          </Notice>
        ) : (
          <Delete />
        )}
      </Card>
    </Page>
  );
}

function Export() {
  const { t } = useTranslation('account');
  const take = useMutation({
    mutationFn: () => takeAll(),
    onSuccess: (data) => saveFile(`tithi-${new Date().toISOString().slice(0, 10)}.json`, 'application/json', `${JSON.stringify(data, null, 2)}\n`),
  });
  return (
    <Card title={t('data.export')}>
      <p className="text-muted">{t('data.exportText')}</p>
      <Button className="self-start" busy={take.isPending} onClick={() => take.mutate()}>
        <Download aria-hidden className="size-5" />
        {t('data.exportButton')}
      </Button>
      {take.isSuccess && (
        <p role="status" className="font-medium text-good">
          {t('data.exported')}
        </p>
      )}
      <ErrorNotice error={take.error} onRetry={() => take.mutate()} />
    </Card>
  );
}

function Delete() {
  const { t } = useTranslation('account');
  const forget = useForgetSession();
  const [asking, setAsking] = useState(false);
  const erase = useCommand(
    (current_password: string, headers) => call(api.DELETE('/profile', { body: current_password ? { current_password } : {}, headers })),
    {
      onSuccess: () => forget('/app/deleted'),
    },
  );
  const inUse = erase.error instanceof ApiError && erase.error.code === 'account_in_use';
  return (
    <>
      <p>{t('data.deleteText')}</p>
      <ul className="flex list-disc flex-col gap-1 ps-5">
        <li>{t('data.goes')}</li>
        <li>{t('data.stays')}</li>
        <li>{t('data.first')}</li>
        <li>{t('data.final')}</li>
      </ul>
      <Button
        look="danger"
        className="self-start"
        onClick={() => {
          erase.reset();
          setAsking(true);
        }}
      >
        {t('data.deleteButton')}
      </Button>
      <Dialog open={asking} title={t('data.deleteTitle')} onClose={() => setAsking(false)}>
        <p>{t('data.deleteAsk')}</p>
        {inUse && (
          <Notice kind="warn" role="alert" title={t('data.inUse')}>
            <Link to="/app/bookings" className="py-1 text-brand underline underline-offset-4">
              {t('common:nav.bookings')}
            </Link>
          </Notice>
        )}
        <PasswordDialogForm
          submit={t('data.deleteButton')}
          look="danger"
          busy={erase.isPending}
          error={inUse ? null : erase.error}
          onSubmit={erase.mutate}
          onClose={() => setAsking(false)}
        />
      </Dialog>
    </>
  );
}
