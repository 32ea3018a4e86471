/** The bell in the header: how much is unread, and what has just arrived. */
import { Bell, BellOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useFormat } from '../../i18n/format';
import { useToast } from '../../ui/toast';
import { isNews, useConnection, useInbox, useLive } from './live';
import { useNotificationText } from './notification_text';

export default function LiveBell() {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const say = useToast();
  const text = useNotificationText();
  useLive((heard) => {
    if (isNews(heard)) say(text(heard));
  });
  const connection = useConnection();
  const unread = useInbox().data?.pages[0]?.unread_count ?? 0;
  const label = `${t('unread', { count: unread })}. ${t(`connection.${connection}`)}`;
  const Icon = connection === 'offline' ? BellOff : Bell;
  return (
    <Link to="/app/host/inbox" aria-label={label} title={label} className="relative rounded-lg p-2.5 hover:bg-sunken">
      <Icon aria-hidden className={connection === 'offline' ? 'text-muted' : ''} />
      {unread > 0 && (
        <span aria-hidden className="absolute end-0 top-0 min-w-5 rounded-full bg-accent px-1.5 text-center text-xs leading-5 font-bold text-ground">
          {unread > 99 ? `${format.number(99)}+` : format.number(unread)}
        </span>
      )}
    </Link>
  );
}
