import { useQueryClient } from '@tanstack/react-query';
import { CalendarPlus } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { calendarEntry } from '../../ui/calendar';
import { CalendarButtons } from '../../ui/calendar_buttons';
import { eventQuery } from '../public/queries';
import type { Booking } from './queries';

/** Which revision of the event it is, is asked for when it is wanted. */
export function BookingCalendar({ booking }: { booking: Booking }) {
  const { t } = useTranslation('public');
  const client = useQueryClient();
  const entry = (revision: number) => calendarEntry(booking.event, { booking: booking.id }, revision);
  const whole = async () => {
    const event = await client.ensureQueryData(eventQuery(booking.event_id)).catch(() => undefined);
    return entry(event?.revision ?? 0);
  };
  return (
    <div role="group" aria-label={t('calendar.add')} className="no-print flex flex-wrap items-center gap-x-1">
      <CalendarPlus aria-hidden className="me-1 size-5 text-accent" />
      <CalendarButtons entry={entry(0)} whole={whole} look="quiet" className="px-2" />
    </div>
  );
}
