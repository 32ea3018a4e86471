/** "Is it really you?": what goes before something grave. Accounts without a password have signed in lately instead. */
import { useTranslation } from 'react-i18next';
import { useLocation } from 'react-router';
import { ApiError } from '../../api/client';
import { ErrorNotice, Notice } from '../../ui/notice';
import { GoogleLink } from './google_button';
import { useProblem } from './problems';

/** What a form of this kind says below its fields: nothing of what stands beside one. */
export function ConfirmError({ error }: { error: unknown }) {
  const { t } = useTranslation('account');
  const { pathname } = useLocation();
  const problem = useProblem();
  if (!error || problem(error)) return null;
  if (error instanceof ApiError && error.code === 'reauthentication_required')
    return (
      <Notice kind="warn" role="alert" title={t('confirm.signInAgain')}>
        <p>{t('confirm.tenMinutes')}</p>
        <span className="mt-2">
          <GoogleLink next={pathname} label={t('google.continue')} />
        </span>
      </Notice>
    );
  return <ErrorNotice error={error} />;
}
