import { expect, test } from 'vitest';
import { bookingUid, calendarFile, type CalendarEntry, eventUid, googleCalendarLink } from './calendar';

const entry: CalendarEntry = {
  uid: bookingUid(7),
  sequence: 2,
  title: 'Yoga, quietly; at home',
  start: '2026-12-05T12:00:00+05:30',
  end: '2026-12-05T13:30:00+05:30',
  location: 'Studio A, Pune',
  description: 'Bring a mat.\nAnd water.',
  url: 'https://tithi.example/app/bookings/7',
};

const linesOf = async (what: CalendarEntry) => (await calendarFile(what)).replace(/\r\n[ \t]/g, '').split('\r\n');

test('a booking is named as in mails', () => {
  expect(bookingUid(7)).toBe(`booking-7@${window.location.hostname}`);
  expect(eventUid(7)).toBe(`event-7@${window.location.hostname}`);
});

test('the file says when, in UTC, and escapes what has a meaning there', async () => {
  expect(await linesOf(entry)).toEqual(
    expect.arrayContaining([
      'UID:booking-7@localhost', 'SEQUENCE:2', 'DTSTART:20261205T063000Z', 'DTEND:20261205T080000Z', 'SUMMARY:Yoga\\, quietly\\; at home',
      'LOCATION:Studio A\\, Pune', 'DESCRIPTION:Bring a mat.\\nAnd water.', 'STATUS:CONFIRMED', 'METHOD:PUBLISH',
    ]),
  );
});

test('without an end it lasts an hour; a cancelled one says so', async () => {
  expect(await linesOf({ ...entry, end: null, cancelled: true, location: null, description: null })).toEqual(
    expect.arrayContaining(['DTEND:20261205T073000Z', 'STATUS:CANCELLED']),
  );
});

test('Google gets the same', () => {
  const query = new URL(googleCalendarLink(entry)).searchParams;
  expect(Object.fromEntries(query)).toEqual({
    action: 'TEMPLATE',
    text: entry.title,
    dates: '20261205T063000Z/20261205T080000Z',
    details: `${entry.description}\n\n${entry.url}`,
    location: entry.location,
  });
});
