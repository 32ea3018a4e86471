import { useTranslation } from 'react-i18next';
import { Outlet } from 'react-router';
import { SectionNav } from '../../ui/section_nav';

export default function HostLayout() {
  const { t } = useTranslation('host');
  const links = [
    { to: '/app/host', text: t('nav.overview'), end: true },
    { to: '/app/host/events', text: t('nav.events') },
    { to: '/app/host/inbox', text: t('nav.inbox') },
    { to: '/app/host/earnings', text: t('nav.earnings') },
    { to: '/app/host/webhooks', text: t('nav.webhooks') },
  ];
  return (
    <>
      <SectionNav label={t('nav.label')} links={links} />
      <Outlet />
    </>
  );
}
