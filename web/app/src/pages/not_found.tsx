import { useTranslation } from 'react-i18next';
import { ButtonLink } from '../ui/button';
import { Empty, Page } from '../ui/page';

export default function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t('notFound.title')}>
      <Empty title={t('notFound.text')} action={<ButtonLink to="/app/events">{t('nav.browse')}</ButtonLink>} />
    </Page>
  );
}
