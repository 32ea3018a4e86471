/** What happened at one's events, read and unread; new things appear by themselves. */
import { Volume2, VolumeX } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { useFormat } from '../../i18n/format';
import { Button, buttonClass } from '../../ui/button';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { setSound, soundIsOn } from './chime';
import { type Notification, useConnection, useInbox, useMarkRead } from './live';
import { useNotificationText } from './notification_text';

const TONES = { online: 'good', connecting: 'plain', offline: 'warn' } as const;

export default function Inbox() {
  const { t } = useTranslation('inbox');
  const [params, setParams] = useSearchParams();
  const onlyUnread = params.get('unread') === 'true';
  const query = useInbox(onlyUnread || undefined);
  const connection = useConnection();
  const markRead = useMarkRead();
  const say = useToast();
  const [sound, setSoundShown] = useState(soundIsOn);
  const notifications = query.data?.pages.flatMap((page) => page.notifications) ?? [];
  const unread = query.data?.pages[0]?.unread_count ?? 0;
  const newest = notifications[0]?.seq;
  const readAll = () => {
    const marked = notifications.filter((each) => !each.read).map((each) => each.seq);
    void markRead({ up_to: newest! }).then(() => say(t('allRead'), marked.length <= 100 ? () => void markRead({ seqs: marked, read: false }) : undefined));
  };
  return (
    <Page
      title={t('title')}
      lead={<Badge tone={TONES[connection]}>{t(`connection.${connection}`)}</Badge>}
      actions={
        <>
          <Button
            look="secondary"
            aria-pressed={sound}
            onClick={() => {
              setSound(!sound);
              setSoundShown(!sound);
            }}
          >
            {sound ? <Volume2 aria-hidden /> : <VolumeX aria-hidden />}
            {t('sound')}
          </Button>
          {unread > 0 && newest && (
            <Button look="secondary" onClick={readAll}>
              {t('readAll')}
            </Button>
          )}
        </>
      }
    >
      <div role="group" aria-label={t('filter')} className="flex gap-2">
        {[false, true].map((each) => (
          <Button key={String(each)} look={each === onlyUnread ? 'primary' : 'secondary'} aria-pressed={each === onlyUnread} onClick={() => setParams(each ? { unread: 'true' } : {}, { replace: true })}>
            {each ? t('unread', { count: unread }) : t('everything')}
          </Button>
        ))}
      </div>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-16 w-full" count={5} />}
      {query.isSuccess && notifications.length === 0 && <Empty title={onlyUnread ? t('noneUnread') : t('none')}>{t('noneHint')}</Empty>}
      {notifications.length > 0 && (
        <ul className="flex flex-col gap-2" aria-live="polite" aria-relevant="additions">
          {notifications.map((each) => (
            <Item key={each.seq} notification={each} onRead={(read) => void markRead({ seqs: [each.seq], read })} />
          ))}
        </ul>
      )}
      <More query={query} />
    </Page>
  );
}

function Item({ notification, onRead }: { notification: Notification; onRead: (read: boolean) => void }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const text = useNotificationText();
  const { read, data, time } = notification;
  const event = data.event?.id ?? data.event_id;
  return (
    <li className={`flex flex-wrap items-center justify-between gap-x-4 gap-y-1 rounded-xl border border-line p-4 ${read ? 'bg-surface' : 'border-s-4 border-s-accent bg-surface'}`}>
      <div className="min-w-0 flex-1 basis-60">
        <p className={read ? '' : 'font-semibold'}>{text(notification)}</p>
        <p className="text-sm text-muted">
          <time dateTime={time} title={format.dayAndTime(time)}>
            {format.relative(time)}
          </time>
          {!read && <span className="sr-only"> · {t('isUnread')}</span>}
        </p>
      </div>
      <div className="flex gap-1">
        {event !== undefined && (
          <Link to={`/app/host/events/${event}`} onClick={() => !read && onRead(true)} className={buttonClass('quiet')}>
            {t('look')}
          </Link>
        )}
        <Button look="quiet" onClick={() => onRead(!read)}>
          {read ? t('markUnread') : t('markRead')}
        </Button>
      </div>
    </li>
  );
}
