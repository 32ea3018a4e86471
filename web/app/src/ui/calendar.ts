/** Events for people's own calendars. */
import type { EventAttributes } from 'ics';

export type CalendarEntry = {
  /** See bookingUid and eventUid. */
  uid: string;
  /** Grows with what changes; mails send the event's `revision`. */
  sequence?: number;
  title: string;
  start: string;
  end: string | null;
  location: string | null;
  description: string | null;
  url: string;
  cancelled?: boolean;
};

/** As in the mails about it (workers/crm/mail_rows.h), so that calendars know it is the same. */
export function bookingUid(bookingId: number): string {
  return `booking-${bookingId}@${window.location.hostname}`;
}

export function eventUid(eventId: number): string {
  return `event-${eventId}@${window.location.hostname}`;
}

type Told = { title: string; start_datetime: string; end_datetime: string | null; location: string | null; description: string | null; virtual_link: string | null };

/** Who has booked gets the entry that mails name, too. */
export function calendarEntry(event: Told, of: { booking: number } | { event: number }, revision: number): CalendarEntry {
  const booked = 'booking' in of;
  const page = booked ? `bookings/${of.booking}` : `events/${of.event}`;
  return {
    uid: booked ? bookingUid(of.booking) : eventUid(of.event),
    sequence: revision,
    title: event.title,
    start: event.start_datetime,
    end: event.end_datetime,
    location: event.location,
    description: event.description,
    url: (booked && event.virtual_link) || `${window.location.origin}/app/${page}`,
  };
}

/** 20261205T120000Z */
function stamp(time: string): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** Where no end is told, an hour. */
function endOf({ start, end }: CalendarEntry): string {
  return end ?? new Date(Date.parse(start) + 3_600_000).toISOString();
}

export function googleCalendarLink(entry: CalendarEntry): string {
  const query = new URLSearchParams({
    action: 'TEMPLATE',
    text: entry.title,
    dates: `${stamp(entry.start)}/${stamp(endOf(entry))}`,
    details: [entry.description?.slice(0, 1000), entry.url].filter(Boolean).join('\n\n'),
  });
  if (entry.location) query.set('location', entry.location);
  return `https://calendar.google.com/calendar/render?${query}`;
}

export async function calendarFile(entry: CalendarEntry): Promise<string> {
  const { createEvent } = await import('ics');
  const attributes: EventAttributes = {
    uid: entry.uid,
    productId: '-//Tithi//Tithi//EN',
    method: 'PUBLISH',
    start: Date.parse(entry.start),
    startOutputType: 'utc',
    end: Date.parse(endOf(entry)),
    endOutputType: 'utc',
    title: entry.title,
    url: entry.url,
    status: entry.cancelled ? 'CANCELLED' : 'CONFIRMED',
    sequence: entry.sequence ?? 0,
    ...(entry.location && { location: entry.location }),
    ...(entry.description && { description: entry.description.slice(0, 1000) }),
  };
  const { error, value } = createEvent(attributes);
  if (error || value === null) throw error ?? new Error('no calendar entry');
  return value;
}

export async function downloadCalendarFile(entry: CalendarEntry): Promise<void> {
  const address = URL.createObjectURL(new Blob([await calendarFile(entry)], { type: 'text/calendar;charset=utf-8' }));
  const link = Object.assign(document.createElement('a'), { href: address, download: `${entry.uid.split('@')[0]}.ics` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
