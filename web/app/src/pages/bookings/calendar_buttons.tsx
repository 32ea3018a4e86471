import { useQueryClient } from '@tanstack/react-query';
import { CalendarPlus } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button, buttonClass } from '../../ui/button';
import { bookingUid, type CalendarEntry, downloadCalendarFile, googleCalendarLink } from '../../ui/calendar';
import { eventQuery } from '../public/queries';
import type { Booking } from './queries';

function entryOf({ id, event }: Booking, revision: number): CalendarEntry {
  return {
    uid: bookingUid(id),
    sequence: revision,
    title: event.title,
    start: event.start_datetime,
    end: event.end_datetime,
    location: event.location,
    description: event.description,
    url: event.virtual_link ?? `${window.location.origin}/app/bookings/${id}`,
  };
}

/** The entry that mails name, too; which revision of the event it is, is asked for when it is wanted. */
export function CalendarButtons({ booking }: { booking: Booking }) {
  const { t } = useTranslation('public');
  const client = useQueryClient();
  const download = async () => {
    const event = await client.ensureQueryData(eventQuery(booking.event_id)).catch(() => undefined);
    await downloadCalendarFile(entryOf(booking, event?.revision ?? 0));
  };
  return (
    <div role="group" aria-label={t('calendar.add')} className="no-print flex flex-wrap items-center gap-x-1">
      <CalendarPlus aria-hidden className="me-1 size-5 text-accent" />
      <Button look="quiet" className="px-2" onClick={() => void download()}>
        {t('calendar.file')}
      </Button>
      <a href={googleCalendarLink(entryOf(booking, 0))} target="_blank" rel="noopener noreferrer" className={buttonClass('quiet', 'px-2')}>
        {t('calendar.google')}
        <span className="sr-only"> {t('newTab')}</span>
      </a>
    </div>
  );
}
