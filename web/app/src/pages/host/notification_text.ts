/** What happened, in a sentence. */
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format';
import type { Notification } from './live';

export function useNotificationText(): (notification: Notification) => string {
  const { t, i18n } = useTranslation('inbox');
  const format = useFormat();
  return ({ type, data }) => {
    const key = `type.${type.replace('.', '_')}`;
    const values = {
      who: data.user?.name ?? t('somebody'),
      event: data.event?.title ?? data.title ?? '',
      amount: data.amount !== undefined && data.currency ? format.money(data.amount, data.currency) : '',
    };
    return i18n.exists(key, { ns: 'inbox' }) ? t(key, values) : t('type.other', { ...values, type });
  };
}
