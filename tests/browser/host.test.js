/** What who publishes events does with them, and hears of them. */
import assert from 'node:assert';
import fs from 'node:fs';
import { browserTest } from './lib/browser.js';
import { field, gone, heading, seen, toast } from './lib/act.js';
import { film } from './lib/film.js';
import { openReceiver, readWebhook } from './lib/receiver.js';
import { book, call, facilitator, paidBooking, publish, register, restartGateway, signIn, unique, until } from './lib/site.js';

/** An event to which people are let in already. */
function soon() {
  const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
  return { start_datetime: at(2), end_datetime: at(4) };
}

async function bookByHand(page, person, event) {
  await signIn(page, person);
  await page.goto(`/app/events/${event.id}/book`);
  await page.getByRole('button', { name: 'Book for free' }).click();
  await seen(page.getByRole('status').getByText('Your place is confirmed.'));
}

/** The bell in the header, as it is named then. */
function bell(page, unread, state = 'Live') {
  return page.getByRole('link', { name: `${unread} unread. ${state}` });
}

browserTest('sees a booking appear that somebody else makes', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host);
  const [desk, phone] = [await open(), await open({ size: 'phone' })];
  await signIn(desk.page, host);
  await desk.page.goto(`/app/host/events/${event.id}`);
  await seen(desk.page.getByText('Nobody is here'));
  await seen(bell(desk.page, '1')); // its own publication
  await bookByHand(phone.page, await register({ name: 'Nila Krishnan' }), event);

  await seen(toast(desk.page, `Nila Krishnan has booked ${event.title}.`));
  await seen(desk.page.getByRole('listitem').getByText('Nila Krishnan', { exact: true }));
  await seen(desk.page.getByText('1 / 10'));
  await desk.page.getByRole('link', { name: /^[2-9] unread\. Live$/ }).click();
  await seen(heading(desk.page, 'Inbox'));
  const news = desk.page.getByRole('listitem').filter({ hasText: `Nila Krishnan has booked ${event.title}.` });
  await seen(news);
  assert.equal(await news.count(), 1);
  await desk.page.getByRole('button', { name: 'Mark all as read' }).click();
  await seen(bell(desk.page, '0'));
});

browserTest('is connected again by itself after a cut, and shows once what was missed', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host);
  const { page, context } = await open({ tolerates: /ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|ERR_NETWORK|WebSocket connection/ });
  await signIn(page, host);
  await page.goto('/app/host/inbox');
  await seen(page.getByText('Live', { exact: true }));
  await context.setOffline(true);
  await restartGateway();
  await seen(page.getByText('Not connected; trying again'));
  await book(await register({ name: 'Nila Krishnan' }), event);
  await context.setOffline(false);
  await seen(page.getByText('Live', { exact: true }));
  const news = page.getByRole('listitem').filter({ hasText: `Nila Krishnan has booked ${event.title}.` });
  await seen(news);
  await book(await register({ name: 'Tom Weaver' }), event);
  await seen(page.getByRole('listitem').filter({ hasText: `Tom Weaver has booked ${event.title}.` }));
  assert.equal(await news.count(), 1);
});

browserTest('publishes an event in another zone, with rules of its own', async ({ open }) => {
  const host = await facilitator();
  const { page } = await open();
  const title = unique('Waldbaden');
  await signIn(page, host);
  await page.goto('/app/host/events');
  await page.getByRole('link', { name: 'New event' }).first().click();
  await page.getByRole('button', { name: 'Publish' }).click();
  await seen(page.getByText('Please give it a title.'));
  await field(page, 'Title').fill(title);
  await field(page, 'Kind').fill('Walk');
  await page.getByLabel('Begins').fill('2031-07-05T09:30');
  await page.getByLabel('Ends').fill('2031-07-05T12:00');
  await field(page, 'Time zone').selectOption('Europe/Berlin');
  await seen(page.getByText(/^It lasts 2 hours.* 30 minutes, until /));
  await field(page, 'Place').fill('Grunewald, Berlin');
  await field(page, 'Places').fill('8');
  await field(page, 'Price').fill('25.50');
  await field(page, 'Currency').selectOption('EUR');
  await field(page, 'Policy').selectOption({ label: 'Moderate: everything until a week before, half until a day before' });
  await page.getByRole('button', { name: 'Publish' }).click();
  await seen(toast(page, 'Your event is published.'));
  await seen(heading(page, title));
  const id = Number(new URL(page.url()).pathname.split('/').pop());
  const event = await call('GET', `/events/${id}`);
  assert.equal(Date.parse(event.start_datetime), Date.parse('2031-07-05T07:30:00Z'));
  const { time_zone: zone, price, currency, max_participants: places, event_type: kind } = event;
  assert.deepEqual({ zone, price, currency, places, kind }, { zone: 'Europe/Berlin', price: 25.5, currency: 'EUR', places: 8, kind: 'walk' });
  assert.deepEqual(event.cancellation_policy, [{ hours_before: 168, refund_percent: 100 }, { hours_before: 24, refund_percent: 50 }]);

  await page.getByRole('link', { name: 'View as a guest' }).click();
  await seen(page.getByText('Local time in Berlin'));
  await seen(page.getByText('50% back'));
});

browserTest('changes an event in two tabs: the second is told, and nothing is lost', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host);
  const { page: first, context } = await open();
  await signIn(first, host);
  const second = await context.newPage();
  for (const page of [first, second]) {
    await page.goto(`/app/host/events/${event.id}/edit`);
    await seen(field(page, 'Title'));
  }
  await field(first, 'Title').fill(`${event.title} at dawn`);
  await first.getByRole('button', { name: 'Save' }).click();
  await seen(toast(first, 'Saved'));

  await field(second, 'Description').fill('Bring a lamp.');
  await second.getByRole('button', { name: 'Save' }).click();
  const told = second.getByRole('alert').filter({ hasText: 'Somebody else has changed this event meanwhile.' });
  await seen(told.getByText('Changed: Title.'));
  assert.equal(await field(second, 'Description').inputValue(), 'Bring a lamp.');
  await told.getByRole('button', { name: 'Load the newest and keep what I typed' }).click();
  await seen(second.getByRole('status').getByText('The newest is loaded'));
  assert.equal(await field(second, 'Title').inputValue(), `${event.title} at dawn`);
  assert.equal(await field(second, 'Description').inputValue(), 'Bring a lamp.');
  await second.getByRole('button', { name: 'Save' }).click();
  await seen(toast(second, 'Saved'));
  await seen(heading(second, `${event.title} at dawn`));
});

browserTest('saves a change although somebody has booked meanwhile', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host);
  const { page } = await open();
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}/edit`);
  await field(page, 'Place').fill('Banyan Hall, Pune');
  await book(await register(), event);
  await page.getByRole('button', { name: 'Save' }).click();
  await seen(toast(page, 'Saved'));
});

browserTest('publishes the same again a week later', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host, { price: 900, currency: 'INR' });
  const { page } = await open();
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}`);
  await page.getByRole('link', { name: 'Duplicate' }).click();
  await seen(heading(page, 'Duplicate an event'));
  assert.equal(await field(page, 'Title').inputValue(), event.title);
  await page.getByRole('button', { name: 'Publish' }).click();
  await seen(toast(page, 'Your event is published.'));
  const { events } = await call('GET', '/facilitator/events?sort=start', { token: host.token });
  assert.deepEqual(events.map(({ title, price }) => [title, price]), [[event.title, 900], [event.title, 900]]);
  assert.equal(Date.parse(events[1].start_datetime) - Date.parse(events[0].start_datetime), 7 * 86_400_000);
});

browserTest('finds people, lets them in by name and takes that back', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host, soon());
  for (const name of ['Nila Krishnan', 'Tom Weaver']) await book(await register({ name }), event);
  const { page } = await open();
  const guest = (name) => page.getByRole('listitem').getByText(name, { exact: true });
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}`);
  await seen(guest('Nila Krishnan'));
  await page.getByLabel('Name, e-mail or booking number').fill('weav');
  await gone(guest('Nila Krishnan'));
  await page.getByRole('button', { name: 'Check in Tom Weaver' }).click();
  await seen(toast(page, 'Tom Weaver is here.'));
  await seen(page.getByText(/^Here since /));
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await seen(toast(page, 'Tom Weaver is no longer checked in.'));
  await seen(page.getByRole('button', { name: 'Check in Tom Weaver' }));
  await page.getByLabel('Name, e-mail or booking number').fill('nobody');
  await seen(page.getByText('Nobody is called that'));
});

browserTest('lets people in by the codes of their tickets', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host, soon());
  const guest = await register({ name: 'Tom Weaver' });
  const { ticket } = await book(guest, event);
  const other = await book(guest, await publish(host));
  const { page } = await open({ size: 'phone' });
  const code = page.getByLabel('Ticket code');
  const door = page.getByRole('main');
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}/check-in`);
  await seen(page.getByText('0 of 1 has arrived'));
  await code.fill(` ${ticket.toLowerCase()} `);
  await page.keyboard.press('Enter');
  await seen(door.getByText('Welcome', { exact: true }));
  await seen(door.getByText('Tom Weaver'));
  await seen(page.getByText('1 of 1 has arrived'));
  await code.fill(ticket);
  await page.getByRole('button', { name: 'Check in' }).click();
  await seen(door.getByText('Already checked in', { exact: true }));
  await code.fill('NOT-A-TICKET');
  await page.keyboard.press('Enter');
  await seen(door.getByText('This is no ticket to an event of yours.'));
  await code.fill(other.ticket);
  await page.keyboard.press('Enter');
  await seen(door.getByText('This ticket is to another event.'));
});

browserTest('lets people in by what the camera sees of a ticket', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host, soon());
  const guest = await register({ name: 'Tom Weaver' });
  const booking = await book(guest, event);
  const { page: theirs } = await open({ size: 'phone' });
  await signIn(theirs, guest);
  await theirs.goto(`/app/bookings/${booking.id}/ticket`);
  const camera = await film(theirs, theirs.getByRole('img', { name: 'QR code of the ticket' }));

  const { page } = await open({ size: 'phone', camera });
  const door = page.getByRole('main');
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}/check-in`); // the camera was allowed before
  await seen(door.getByText('Welcome', { exact: true }));
  await seen(door.getByText('Tom Weaver'));
  await seen(page.getByText('1 of 1 has arrived'));
  await page.getByRole('button', { name: 'Turn the camera off' }).click();
  await door.getByRole('button', { name: 'Undo' }).click();
  await seen(page.getByText('0 of 1 has arrived'));
  await page.getByRole('button', { name: 'Scan tickets' }).click();
  await seen(door.getByText('Welcome', { exact: true }));
});

browserTest('downloads who comes', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host);
  const guest = await register({ name: 'Tom Weaver' });
  const booking = await book(guest, event);
  const { page } = await open();
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}`);
  const saving = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download as CSV' }).click();
  const file = await saving;
  assert.match(file.suggestedFilename(), /\.csv$/);
  const text = fs.readFileSync(await file.path(), 'utf8');
  for (const part of ['Tom Weaver', guest.email, booking.booking_reference]) assert(text.includes(part), `${part} is in the file`);
});

browserTest('cancels an event after a look at what that does; the guest has the money back', async ({ open }) => {
  const host = await facilitator();
  const event = await publish(host, { price: 1500, currency: 'INR' });
  const guest = await register();
  const booking = await paidBooking(guest, event);
  const [desk, phone] = [await open(), await open({ size: 'phone' })];
  await signIn(desk.page, host);
  await desk.page.goto(`/app/host/events/${event.id}`);
  await desk.page.getByRole('button', { name: 'Cancel the event …' }).click();
  const dialog = desk.page.getByRole('dialog', { name: 'Cancel this event?' });
  await seen(dialog.getByText('1 booking is cancelled, and the person is told by mail.'));
  await seen(dialog.getByText('₹1,500 is paid back to 1 person.'));
  const button = dialog.getByRole('button', { name: 'Cancel the event' });
  assert(await button.isDisabled(), 'it asks for a second yes');
  await dialog.getByLabel('Yes, cancel it and pay back ₹1,500.').check();
  await button.click();
  await seen(toast(desk.page, 'The event is cancelled, and so is 1 booking.'));
  await seen(desk.page.getByText('This event is cancelled'));

  await signIn(phone.page, guest);
  await phone.page.goto(`/app/bookings/${booking.id}`);
  await seen(phone.page.getByRole('heading', { name: 'The event is cancelled' }));
  await seen(phone.page.getByText(/^₹1,500 (is on its way back to you|was paid back)$/));
  await phone.page.goto(`/app/events/${event.id}`);
  await seen(phone.page.getByText('This event does not take place.'));
});

browserTest('has an own program told by webhooks', async ({ open }) => {
  const host = await facilitator();
  const { url, received } = await openReceiver();
  const { page } = await open();
  await signIn(page, host);
  await page.goto('/app/host/webhooks');
  await page.getByRole('button', { name: 'Add an address' }).click();
  const dialog = page.getByRole('dialog');
  await field(dialog, 'Address').fill('http://10.0.0.1/hook');
  await dialog.getByLabel('Description').fill('Our CRM');
  await dialog.getByRole('button', { name: 'Add an address' }).click();
  await seen(dialog.getByRole('alert'));
  await field(dialog, 'Address').fill(url);
  await dialog.getByRole('button', { name: 'Add an address' }).click();
  await seen(dialog.getByText('This secret is shown only now'));
  const secret = await dialog.getByRole('group', { name: 'Signing secret' }).textContent();
  await dialog.getByRole('button', { name: 'I have kept it' }).click();
  await gone(dialog);
  assert.equal(await page.getByText(secret).count(), 0);

  await page.getByRole('link', { name: url }).click();
  await page.getByRole('button', { name: 'Send a test' }).click();
  await seen(toast(page, 'A test is on its way.'));
  await until(() => received.length === 1, 'the test has come');
  const { type } = readWebhook(secret, received[0]);
  await seen(page.getByRole('row').filter({ hasText: 'Delivered' }).filter({ hasText: type }));

  await page.getByRole('button', { name: `Open ${type} of` }).click();
  await seen(page.getByRole('dialog', { name: 'Delivery' }).getByText('thank you'));
  await page.getByRole('dialog', { name: 'Delivery' }).getByRole('button', { name: 'Send again' }).click();
  await seen(toast(page, '1 webhook is due again.'));
  await until(() => received.length === 2, 'it has come again');
  assert.equal(received[1].headers['webhook-id'], received[0].headers['webhook-id']);
  readWebhook(secret, received[1]);

  const event = await publish(host);
  await until(() => received.some(({ body }) => body.includes(event.title)), 'the new event is told');
});

browserTest('loses nothing that was typed when the network fails, nor by loading the page again', async ({ open }) => {
  const host = await facilitator();
  const { page, context } = await open({ tolerates: /ERR_INTERNET_DISCONNECTED|ERR_NETWORK|WebSocket connection/ });
  const title = unique('Sitting in silence');
  await signIn(page, host);
  await page.goto('/app/host/events/new');
  await field(page, 'Title').fill(title);
  await field(page, 'Kind').fill('Session');
  await field(page, 'Description').fill('We sit.');
  await page.getByLabel('Begins').fill('2031-07-05T09:30');
  await context.setOffline(true);
  await page.getByRole('button', { name: 'Publish' }).click();
  await seen(page.getByRole('alert').getByText('There is no connection to Tithi.'));
  assert.equal(await field(page, 'Title').inputValue(), title);
  await context.setOffline(false);

  await page.reload();
  await seen(page.getByText('What you had typed is still here.'));
  assert.equal(await field(page, 'Title').inputValue(), title);
  assert.equal(await field(page, 'Description').inputValue(), 'We sit.');
  assert.equal(await page.getByLabel('Begins').inputValue(), '2031-07-05T09:30');
  await page.getByRole('button', { name: 'Publish' }).click();
  await seen(toast(page, 'Your event is published.'));
  const { events } = await call('GET', '/facilitator/events', { token: host.token });
  assert.deepEqual(events.map((event) => event.title), [title]);
});
