import { useTranslation } from 'react-i18next';
import { Outlet } from 'react-router';
import { SectionNav } from '../../ui/section_nav';

export default function AdminLayout() {
  const { t } = useTranslation('admin');
  const links = [
    { to: '/app/admin', text: t('revenue.title'), end: true },
    { to: '/app/admin/payments', text: t('payments.title') },
    { to: '/app/admin/users', text: t('users.title') },
    { to: '/app/admin/deliveries', text: t('deliveries.title') },
    { to: '/app/admin/processes', text: t('processes.title') },
    { to: '/app/admin/log', text: t('log.title') },
  ];
  return (
    <>
      <SectionNav label={t('label')} links={links} />
      <Outlet />
    </>
  );
}
