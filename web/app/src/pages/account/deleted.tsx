/** Farewell: the account is erased. */
import { useTranslation } from 'react-i18next';
import { ButtonLink } from '../../ui/button';
import { Notice } from '../../ui/notice';
import { NarrowPage } from './narrow';

export default function DeletedPage() {
  const { t } = useTranslation('account');
  return (
    <NarrowPage title={t('deleted.title')}>
      <Notice kind="good" role="status" title={t('deleted.done')}>
        <p>{t('deleted.text')}</p>
      </Notice>
      <ButtonLink look="secondary" to="/app/" className="self-start">
        {t('deleted.home')}
      </ButtonLink>
    </NarrowPage>
  );
}
