/** From looking for an event to coming to it, or not. */
import assert from 'node:assert';
import { browserTest } from './lib/browser.js';
import { field, gone, heading, seen, textOf, toast } from './lib/act.js';
import { book, call, facilitator, paidBooking, publish, register, signIn, sql, unique, until } from './lib/site.js';

const INR = { price: 1500, currency: 'INR' };
const payPage = (page) => heading(page, 'Pay for your place');

/** Books a priced event up to the payment page, and answers the booking's number. */
async function goToPay(page, event) {
  await page.goto(`/app/events/${event.id}/book`);
  await page.getByRole('button', { name: 'Book and pay ₹1,500' }).click();
  await page.getByRole('link', { name: 'Pay ₹1,500 now' }).click();
  await seen(payPage(page));
  return textOf(page.getByRole('definition').nth(1), Boolean, 'the booking is named');
}

/** From the payment page, as providers lead back by themselves. */
async function comeBack(page) {
  await page.getByRole('link', { name: 'Back to the booking' }).click();
  await page.waitForURL(/\/app\/bookings\?paid=/);
}

browserTest('finds events by typing and by filters, and goes back through what was looked for', async ({ open }) => {
  const { page } = await open();
  const word = unique('Zephyr').replaceAll('-', '');
  const host = await facilitator();
  const free = await publish(host, { title: `${word} at dawn` });
  const priced = await publish(host, { title: `${word} at dusk`, ...INR });
  const shown = (event) => page.getByRole('article').getByRole('link', { name: event.title });
  const search = page.getByRole('searchbox', { name: 'Search events' });
  const onlyFree = field(page, 'Free of charge only');

  await page.goto('/app/events');
  await search.pressSequentially(word);
  await seen(page.getByRole('status').getByText('2 events', { exact: true }));
  await onlyFree.click();
  await seen(page.getByRole('status').getByText('1 event', { exact: true }));
  await gone(shown(priced));
  await shown(free).click();
  await seen(heading(page, free.title));

  await page.goBack();
  await seen(shown(free));
  assert.equal(await search.inputValue(), word);
  assert(await onlyFree.isChecked());
  await page.goBack();
  await seen(shown(priced));
  assert(!(await onlyFree.isChecked()));
  await page.goBack();
  await until(async () => (await search.inputValue()) === '', 'nothing is looked for');
  await page.goForward();
  await seen(page.getByRole('status').getByText('2 events', { exact: true }));
});

browserTest('is shown that something takes longer than a second', async ({ open }) => {
  const { page } = await open();
  await page.route('**/events?*', (route) => setTimeout(() => void route.continue(), 3000));
  await page.goto('/app/events');
  await seen(page.getByRole('progressbar'));
  await seen(page.getByRole('article'));
  await gone(page.getByRole('progressbar'));
});

browserTest('books a free event, signing in on the way, and has a ticket', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  const event = await publish(await facilitator());
  await page.goto(`/app/events/${event.id}`);
  await page.getByRole('link', { name: 'Book a place' }).click();
  await seen(heading(page, 'Sign in'));
  await field(page, 'E-mail address').fill(person.email);
  await field(page, 'Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await seen(heading(page, 'Book a place'));
  await page.getByLabel('Note to your host').fill('I come with a sore knee.');
  await page.getByRole('button', { name: 'Book for free' }).click();
  await seen(page.getByRole('status').getByText('Your place is confirmed.'));
  await page.getByRole('link', { name: 'Show ticket' }).click();
  await seen(page.getByRole('img', { name: 'QR code of the ticket' }));
  const [booking] = (await call('GET', '/bookings', { token: person.token })).bookings;
  await seen(page.getByText(booking.ticket));
  await seen(page.getByText(booking.booking_reference));
  assert.equal(booking.notes, 'I come with a sore knee.');

  await page.emulateMedia({ media: 'print' });
  await gone(page.getByRole('navigation', { name: 'Main' }));
  await gone(page.getByRole('contentinfo'));
  await seen(page.getByRole('img', { name: 'QR code of the ticket' }));
});

browserTest('pays within the hold, has a receipt, cancels and gets the money back', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  const event = await publish(await facilitator(), INR);
  await signIn(page, person);
  await page.goto(`/app/events/${event.id}/book`);
  await page.getByRole('button', { name: 'Book and pay ₹1,500' }).click();
  await seen(page.getByRole('heading', { name: 'A place is held for you' }));
  const left = page.getByRole('timer', { name: 'Time left' });
  const before = await textOf(left, (text) => /^\d+:\d\d$/.test(text), 'there is a countdown');
  await textOf(left, (text) => text !== before, 'it counts down');
  await page.getByRole('link', { name: 'Pay ₹1,500 now' }).click();
  await seen(payPage(page));
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await seen(page.getByText('Paid. The place is confirmed.'));

  await comeBack(page);
  await seen(page.getByRole('status').getByText('Your place is confirmed.'));
  await page.getByRole('link', { name: 'See the booking' }).click();
  await page.getByRole('link', { name: 'Receipt' }).click();
  await seen(page.getByRole('row', { name: /^Paid ₹1,500/ }));

  await page.goBack();
  await page.getByRole('button', { name: 'Cancel booking' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel this booking?' });
  await seen(dialog.getByText('You get back (100%)'));
  await dialog.getByRole('button', { name: 'Go back' }).click();
  await gone(dialog);
  await page.getByRole('button', { name: 'Cancel booking' }).click();
  await dialog.getByRole('button', { name: 'Cancel booking' }).click();
  await seen(toast(page, 'Your booking is cancelled.'));
  await seen(page.getByText(/^₹1,500 (is on its way back to you|was paid back)$/));
  await until(async () => {
    await page.reload();
    await seen(page.getByRole('heading', { name: 'This booking is cancelled' }));
    return page.getByText('₹1,500 was paid back').isVisible();
  }, 'the money is back');
});

browserTest('is told of a declined payment, and tries again', async ({ open }) => {
  const { page } = await open();
  await signIn(page, await register());
  await goToPay(page, await publish(await facilitator(), INR));
  await page.getByRole('button', { name: 'Decline' }).click();
  await seen(page.getByText('Declined. Nothing was paid; you can try again.'));
  await comeBack(page);
  await seen(page.getByRole('heading', { name: 'The payment did not go through' }));
  await page.getByRole('link', { name: 'Try again to pay' }).click();
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await seen(page.getByText('Paid. The place is confirmed.'));
  await comeBack(page);
  await seen(page.getByRole('status').getByText('Your place is confirmed.'));
});

browserTest('pays too late, when somebody else has the place: all of it goes back', async ({ open }) => {
  const { page } = await open();
  const event = await publish(await facilitator(), { ...INR, max_participants: 1 });
  const person = await register();
  await signIn(page, person);
  const reference = await goToPay(page, event);
  sql(`UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE reference = '${reference}'`);
  await until(async () => (await call('GET', '/bookings', { token: person.token })).bookings[0].status === 'expired', 'the hold is over');
  await page.reload();
  await seen(page.getByText('The place is no longer held.'));
  await paidBooking(await register({ name: 'Tom Weaver' }), event);
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await seen(page.getByText('Paid, but the place is gone: the money goes back by itself.'));
  await comeBack(page);
  await seen(page.getByRole('heading', { name: 'Your payment came too late' }));
  await seen(page.getByText(/^₹1,500 (is on its way back to you|was paid back)$/));
  await seen(page.getByRole('button', { name: 'Join the waiting list' }));
});

browserTest('loses a place that was not paid in time', async ({ open }) => {
  const { page } = await open();
  const event = await publish(await facilitator(), INR);
  const person = await register();
  await signIn(page, person);
  const { booking } = await call('POST', '/bookings', { token: person.token, body: { event_id: event.id } });
  await page.goto(`/app/bookings/${booking.id}`);
  await seen(page.getByRole('timer', { name: 'Time left' }));
  sql(`UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = ${booking.id}`);
  await seen(page.getByRole('heading', { name: 'The place was not paid in time' }));
  await page.getByRole('link', { name: 'Book a place' }).click();
  await page.getByRole('button', { name: 'Book and pay ₹1,500' }).click();
  await seen(page.getByRole('heading', { name: 'A place is held for you' }));
});

browserTest('is shown the booking that is there already', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  const event = await publish(await facilitator());
  await book(person, event);
  await signIn(page, person);
  await page.goto(`/app/events/${event.id}/book`);
  await seen(page.getByText('You have booked this event already.'));
  assert.equal(await page.getByRole('button', { name: 'Book for free' }).count(), 0);
  await page.goto(`/app/events/${event.id}`);
  await page.getByRole('link', { name: 'See your booking' }).click();
  await seen(page.getByText('Your place is confirmed.'));
});

browserTest('loses the last place to somebody quicker, without losing the note', async ({ open }) => {
  const { page } = await open();
  const event = await publish(await facilitator(), { max_participants: 1 });
  await signIn(page, await register());
  await page.goto(`/app/events/${event.id}/book`);
  await page.getByLabel('Note to your host').fill('Vegan, please.');
  await book(await register({ name: 'Tom Weaver' }), event);
  await page.getByRole('button', { name: 'Book for free' }).click();
  await seen(page.getByRole('alert').getByText('The last place has just been taken'));
  assert.equal(await page.getByLabel('Note to your host').inputValue(), 'Vegan, please.');
  await page.getByRole('button', { name: 'Join the waiting list' }).click();
  await seen(page.getByText('You are number 1 on the waiting list.'));
});

browserTest('waits for a place of a full event, is offered one and books it', async ({ open }) => {
  const event = await publish(await facilitator(), { max_participants: 1 });
  const [waiting, quicker] = [await open(), await open()];
  const tom = await register({ name: 'Tom Weaver' });
  const booking = await book(tom, event);
  await signIn(waiting.page, await register());
  await waiting.page.goto(`/app/events/${event.id}`);
  await seen(waiting.page.getByText('Full', { exact: true }));
  await waiting.page.getByRole('button', { name: 'Join the waiting list' }).click();
  await seen(waiting.page.getByText('You are number 1 on the waiting list.'));
  await waiting.page.goto('/app/bookings');
  await seen(waiting.page.getByText('You are next in line.'));

  await signIn(quicker.page, tom);
  await quicker.page.goto(`/app/bookings/${booking.id}`);
  await quicker.page.getByRole('button', { name: 'Cancel booking' }).click();
  await quicker.page.getByRole('dialog').getByRole('button', { name: 'Cancel booking' }).click();
  await seen(quicker.page.getByRole('heading', { name: 'This booking is cancelled' }));

  const offer = waiting.page.getByText('A place has come free, and we keep it for you');
  await until(async () => {
    await waiting.page.reload();
    await seen(waiting.page.getByRole('heading', { name: 'Waiting lists' }));
    return offer.isVisible();
  }, 'the place is offered');
  await waiting.page.getByRole('link', { name: 'Book this place' }).click();
  await seen(waiting.page.getByText(/^A place is kept for you until /));
  await waiting.page.getByRole('button', { name: 'Book for free' }).click();
  await seen(waiting.page.getByRole('status').getByText('Your place is confirmed.'));
});

browserTest('sees places go while looking at an event', async ({ open }) => {
  const { page } = await open();
  const event = await publish(await facilitator(), { max_participants: 3 });
  await page.goto(`/app/events/${event.id}`);
  await seen(page.getByText('3 places left'));
  await book(await register(), event);
  await seen(page.getByText('2 places left'));
});
