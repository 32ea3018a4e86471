/** Everything that keeps an account its owner's. */
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'react-router';
import { Page } from '../../ui/page';
import { EmailCard } from './email_card';
import { IdentitiesCard } from './identities_card';
import { PasswordCard } from './password_card';
import { SecondFactorCard } from './second_factor_card';
import { SecurityLog } from './security_log';
import { SessionsCard } from './sessions_card';

export default function SecurityPage() {
  const { t } = useTranslation('account');
  const { hash } = useLocation();
  useEffect(() => {
    if (/^#\w+$/.test(hash)) document.querySelector(hash)?.scrollIntoView();
  }, [hash]);
  return (
    <Page title={t('security.title')} lead={t('security.lead')}>
      <SecondFactorCard />
      <PasswordCard />
      <div id="email" className="scroll-mt-4">
        <EmailCard />
      </div>
      <IdentitiesCard />
      <SessionsCard />
      <SecurityLog />
    </Page>
  );
}
