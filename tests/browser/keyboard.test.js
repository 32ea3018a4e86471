/** What people do, without a mouse: each step is come to by Tab, and shows that it has the focus. */
import assert from 'node:assert';
import { browserTest } from './lib/browser.js';
import { field, gone, heading, pressOn, seen, tabTo, toast, totp, typeInto } from './lib/act.js';
import { openReceiver } from './lib/receiver.js';
import { book, call, demoAdmin, facilitator, PASSWORD, publish, register, signIn, unique, until } from './lib/site.js';

async function signInByKeys(page, { email, password }) {
  await page.goto('/app/login');
  await typeInto(page, field(page, 'E-mail address'), email);
  await typeInto(page, field(page, 'Password'), password);
  await page.keyboard.press('Enter');
}

async function signOutByKeys(page) {
  await pressOn(page, page.getByRole('button', { name: 'Sign out' }));
  await seen(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Sign in' }));
}

browserTest('an account is made, gets a second factor and signs in with it', async ({ open }) => {
  const { page } = await open();
  const person = { email: `${unique('nila')}@example.com`, password: PASSWORD };
  await page.goto('/app/register');
  await typeInto(page, field(page, 'Name'), 'Nila Krishnan');
  await typeInto(page, field(page, 'E-mail address'), person.email);
  await typeInto(page, field(page, 'Password'), person.password);
  await pressOn(page, page.getByRole('button', { name: 'Create account' }));
  await seen(heading(page, 'Welcome, Nila Krishnan'));

  await pressOn(page, page.getByRole('link', { name: 'Account', exact: true }));
  await pressOn(page, page.getByRole('link', { name: 'Security' }));
  await pressOn(page, page.getByRole('button', { name: 'Set up the second factor' }));
  const dialog = page.getByRole('dialog', { name: 'Set up the second factor' });
  await typeInto(page, field(dialog, 'Your present password'), person.password);
  await page.keyboard.press('Enter');
  await pressOn(page, dialog.getByText('I cannot scan it'));
  const secret = await dialog.getByRole('group', { name: 'Key for the app' }).textContent();
  await typeInto(page, field(dialog, 'Code of the app'), totp(secret));
  await page.keyboard.press('Enter');
  await pressOn(page, field(page, 'I have kept these codes'), 'Space');
  await pressOn(page, page.getByRole('button', { name: 'Done' }));
  await seen(page.getByText('10 recovery codes are left.'));

  await signOutByKeys(page);
  await signInByKeys(page, person);
  await seen(heading(page, 'One more step'));
  await typeInto(page, field(page, 'Code of the app'), totp(secret, Date.now() + 30_000)); // that of now was used just before
  await page.keyboard.press('Enter');
  await seen(page.getByRole('button', { name: 'Sign out' }));
});

browserTest('an event is found and booked, and the booking cancelled', async ({ open }) => {
  const { page } = await open();
  const word = unique('Quill').replaceAll('-', '');
  const event = await publish(await facilitator(), { title: `${word} and ink` });
  await signInByKeys(page, await register());
  await pressOn(page, page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Browse' }));
  await typeInto(page, page.getByRole('searchbox', { name: 'Search events' }), word);
  await pressOn(page, page.getByRole('link', { name: event.title }));
  await seen(heading(page, event.title));
  await pressOn(page, page.getByRole('link', { name: 'Book a place' }));
  await typeInto(page, page.getByLabel('Note to your host'), 'No mouse here.');
  await pressOn(page, page.getByRole('button', { name: 'Book for free' }));
  await pressOn(page, page.getByRole('link', { name: 'Show ticket' }));
  await seen(page.getByRole('img', { name: 'QR code of the ticket' }));

  await page.goBack();
  await pressOn(page, page.getByRole('link', { name: 'See the booking' }));
  const cancel = page.getByRole('button', { name: 'Cancel booking' });
  const dialog = page.getByRole('dialog', { name: 'Cancel this booking?' });
  await pressOn(page, cancel);
  await tabTo(page, dialog.getByRole('button', { name: 'Cancel booking' }));
  await page.keyboard.press('Escape');
  await gone(dialog);
  assert(await cancel.evaluate((button) => button === document.activeElement), 'the focus is back where it was');
  await page.keyboard.press('Enter');
  await pressOn(page, dialog.getByRole('button', { name: 'Cancel booking' }));
  await seen(toast(page, 'Your booking is cancelled.'));
  await until(() => page.evaluate(() => document.activeElement.tagName === 'H1'), 'the focus is where the page begins: its button is gone');
});

browserTest('an event is published, changed and cancelled', async ({ open }) => {
  const host = await facilitator();
  const { page } = await open();
  const title = unique('Waldbaden');
  await signIn(page, host);
  await page.goto('/app/host/events');
  await pressOn(page, page.getByRole('link', { name: 'New event' }).first());
  await typeInto(page, field(page, 'Title'), title);
  await typeInto(page, field(page, 'Kind'), 'Walk');
  await tabTo(page, page.getByLabel('Begins'));
  await page.keyboard.type('070520310930AM');
  assert.equal(await page.getByLabel('Begins').inputValue(), '2031-07-05T09:30');
  await typeInto(page, field(page, 'Time zone'), 'Berlin');
  await typeInto(page, field(page, 'Place'), 'Grunewald, Berlin');
  await typeInto(page, field(page, 'Places'), '8');
  await pressOn(page, page.getByRole('button', { name: 'Publish' }));
  await seen(toast(page, 'Your event is published.'));
  await seen(heading(page, title));
  const [event] = (await call('GET', '/facilitator/events', { token: host.token })).events;
  assert.equal(Date.parse(event.start_datetime), Date.parse('2031-07-05T07:30:00Z'));
  assert.deepEqual([event.time_zone, event.event_type, event.max_participants], ['Europe/Berlin', 'walk', 8]);
  await book(await register(), event);

  await pressOn(page, page.getByRole('link', { name: 'Edit', exact: true }));
  await typeInto(page, field(page, 'Title'), `${title} at dawn`);
  await pressOn(page, page.getByRole('button', { name: 'Save' }));
  await seen(toast(page, 'Saved'));
  await seen(heading(page, `${title} at dawn`));

  await pressOn(page, page.getByRole('button', { name: 'Cancel the event …' }));
  const dialog = page.getByRole('dialog', { name: 'Cancel this event?' });
  await pressOn(page, dialog.getByRole('checkbox'), 'Space');
  await pressOn(page, dialog.getByRole('button', { name: 'Cancel the event' }));
  await seen(toast(page, 'The event is cancelled, and so is 1 booking.'));
  await seen(page.getByText('This event is cancelled'));
});

browserTest('a guest is let in by name, and that is taken back', async ({ open }) => {
  const host = await facilitator();
  const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
  const event = await publish(host, { start_datetime: at(2), end_datetime: at(4) });
  for (const name of ['Nila Krishnan', 'Tom Weaver']) await book(await register({ name }), event);
  const { page } = await open();
  await signIn(page, host);
  await page.goto(`/app/host/events/${event.id}`);
  await typeInto(page, page.getByLabel('Name, e-mail or booking number'), 'weav');
  await gone(page.getByRole('listitem').getByText('Nila Krishnan', { exact: true }));
  await pressOn(page, page.getByRole('button', { name: 'Check in Tom Weaver' }));
  await seen(page.getByText(/^Here since /));
  await pressOn(page, page.getByRole('button', { name: 'Undo check-in Tom Weaver' }));
  await seen(page.getByRole('button', { name: 'Check in Tom Weaver' }));
});

browserTest('an own program is told by webhooks, and told again', async ({ open }) => {
  const { url, received } = await openReceiver();
  const { page } = await open();
  await signIn(page, await facilitator());
  await page.goto('/app/host/webhooks');
  await pressOn(page, page.getByRole('button', { name: 'Add an address' }));
  const making = page.getByRole('dialog');
  await typeInto(page, field(making, 'Address'), url);
  await page.keyboard.press('Enter');
  await pressOn(page, making.getByRole('button', { name: 'I have kept it' }));
  await gone(making);
  await pressOn(page, page.getByRole('link', { name: url }));
  await pressOn(page, page.getByRole('button', { name: 'Send a test' }));
  await until(() => received.length === 1, 'the test has come');
  await seen(page.getByRole('row').filter({ hasText: 'Delivered' }));
  await pressOn(page, page.getByRole('button', { name: /^Open webhook\.test of / }));
  await pressOn(page, page.getByRole('dialog', { name: 'Delivery' }).getByRole('button', { name: 'Send again' }));
  await until(() => received.length === 2, 'it has come again');
});

browserTest('a facilitator is approved', async ({ open }) => {
  const person = await register({ name: unique('Nila'), role: 'facilitator' });
  const { page } = await open();
  await signIn(page, demoAdmin);
  await page.goto('/app/admin/users');
  await pressOn(page, page.getByLabel('Only those who wait for approval'), 'Space');
  await typeInto(page, page.getByLabel('Name or e-mail address begins with'), person.email);
  const row = page.getByRole('row').filter({ hasText: person.email });
  await pressOn(page, row.getByRole('button', { name: 'Approve' }));
  await gone(row);
  const { access_token: token } = await call('POST', '/auth/login', { body: { email: person.email, password: person.password } });
  await publish({ token });
});
