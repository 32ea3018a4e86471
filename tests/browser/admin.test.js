/** What administrators do, and what becomes of it. */
import assert from 'node:assert';
import { browserTest } from './lib/browser.js';
import { field, gone, heading, seen, signInByForm, textOf, toast } from './lib/act.js';
import { openReceiver } from './lib/receiver.js';
import { call, demoAdmin, facilitator, mailTo, paidBooking, PASSWORD, publish, register, signIn, unique, until } from './lib/site.js';

async function openAdmin(open, path) {
  const { page } = await open();
  await signIn(page, demoAdmin);
  await page.goto(path);
  return page;
}

/** The dialog about somebody, found by the address. */
async function manage(page, person) {
  await page.getByLabel('Name or e-mail address begins with').fill(person.email);
  await seen(page.getByRole('row').filter({ hasText: person.email }));
  await page.getByRole('button', { name: `Manage ${person.name}` }).click();
  return page.getByRole('dialog');
}

browserTest('makes somebody a facilitator, who then has the pages of one', async ({ open }) => {
  const person = await register({ name: unique('Nila') });
  const { page: theirs } = await open();
  await signInByForm(theirs, person);
  await seen(heading(theirs, /Nila/));
  assert.equal(await theirs.getByRole('link', { name: 'Host', exact: true }).count(), 0);

  const page = await openAdmin(open, '/app/admin/users');
  const dialog = await manage(page, person);
  await field(dialog, 'Role').selectOption('Facilitator');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await seen(toast(page, 'Saved'));
  await seen(page.getByRole('row').filter({ hasText: person.email }).getByText('Facilitator'));

  await theirs.reload();
  await theirs.getByRole('link', { name: 'Host', exact: true }).click();
  await seen(heading(theirs, /^Welcome/));
  await theirs.goto('/app/host/events');
  await seen(theirs.getByText('Publish your next event'));
  assert.equal(await theirs.getByRole('alert').count(), 0);
});

browserTest('approves who wants to be a facilitator, who then publishes', async ({ open }) => {
  const { page: theirs } = await open({ size: 'phone' });
  const [name, email, title] = [unique('Nila'), `${unique('nila')}@example.com`, unique('Walk by the river')];
  await theirs.goto('/app/register');
  await theirs.getByRole('radio', { name: /^I offer events/ }).check();
  await seen(theirs.getByText('We look at each new facilitator.'));
  await field(theirs, 'Name').fill(name);
  await field(theirs, 'E-mail address').fill(email);
  await field(theirs, 'Password').fill(PASSWORD);
  await theirs.getByLabel('About you').fill('Walks since 1999.');
  await theirs.getByRole('button', { name: 'Create account' }).click();
  await seen(heading(theirs, `Welcome, ${name}`));
  await seen(theirs.getByText('Waiting for approval'));
  await theirs.goto('/app/host/events/new');
  await seen(heading(theirs, 'Not for this account'));

  const page = await openAdmin(open, '/app/admin/users');
  await field(page, 'Only those who wait for approval').check();
  const row = page.getByRole('row').filter({ hasText: email });
  await row.getByRole('button', { name: 'Approve' }).click();
  await seen(toast(page, `${name} may publish events now.`));
  await gone(row);
  await mailTo(email, /You may publish events now/);

  await theirs.goto('/app/host/events/new');
  await field(theirs, 'Title').fill(title);
  await field(theirs, 'Kind').fill('Walk');
  await theirs.getByLabel('Begins').fill('2031-07-05T09:30');
  await theirs.getByRole('button', { name: 'Publish' }).click();
  await seen(toast(theirs, 'Your event is published.'));
  await seen(heading(theirs, title));
  const { page: anybodys } = await open();
  await anybodys.goto(new URL(theirs.url()).pathname.replace('/host', ''));
  await seen(heading(anybodys, title));
  await seen(anybodys.getByText('Walks since 1999.'));
});

browserTest('declines who wants to be a facilitator, after a second yes', async ({ open }) => {
  const person = await register({ name: unique('Tom'), role: 'facilitator' });
  const page = await openAdmin(open, `/app/admin/users?pending=true&q=${person.email}`);
  const row = page.getByRole('row').filter({ hasText: person.email });
  await row.getByRole('button', { name: 'Decline' }).click();
  const dialog = page.getByRole('dialog', { name: `Decline the request of ${person.name}?` });
  await dialog.getByRole('button', { name: 'Decline' }).click();
  await seen(toast(page, `The request of ${person.name} was declined.`));
  await seen(page.getByText('Nobody waits for approval'));
  await mailTo(person.email, /Your request to publish events/);
});

browserTest('deactivates an account: that person is out', async ({ open }) => {
  const person = await register({ name: unique('Tom') });
  const { page: theirs } = await open();
  await signInByForm(theirs, person);
  await seen(heading(theirs, /Tom/));

  const page = await openAdmin(open, '/app/admin/users');
  const dialog = await manage(page, person);
  await dialog.getByRole('button', { name: 'Deactivate' }).click();
  await seen(page.getByRole('dialog', { name: `Deactivate ${person.name}?` }));
  await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
  await seen(toast(page, 'Saved'));
  await seen(page.getByRole('row').filter({ hasText: person.email }).getByText('Deactivated'));

  await theirs.goto('/app/bookings');
  await seen(heading(theirs, 'Sign in'));
  await signInByForm(theirs, person);
  await seen(theirs.getByRole('alert'));

  await (await manage(page, person)).getByRole('button', { name: 'Activate again' }).click();
  await gone(page.getByRole('row').filter({ hasText: person.email }).getByText('Deactivated'));
  await signInByForm(theirs, person);
  await seen(theirs.getByRole('button', { name: 'Sign out' }));
});

browserTest('opens a delivery and has it sent again', async ({ open }) => {
  const host = await facilitator();
  const { url, received } = await openReceiver();
  await call('POST', '/webhooks', { token: host.token, body: { url, types: ['event.created'] } });
  const event = await publish(host);
  await until(() => received.length === 1, 'the event is told');

  const page = await openAdmin(open, '/app/admin/deliveries');
  await field(page, 'Kind').selectOption('Webhook');
  await field(page, 'State').selectOption('Delivered');
  await page.waitForURL(/channel=webhook.*state=delivered/);
  await seen(page.getByRole('row').filter({ hasText: 'event.created' }));
  await page.getByRole('button', { name: /^Open event\.created of / }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Delivery' });
  await seen(dialog.getByText(event.title));
  await seen(dialog.getByText('thank you'));
  await dialog.getByRole('button', { name: 'Send again' }).click();
  await seen(toast(page, 'It is due again and will be sent at once.'));
  await until(() => received.length === 2, 'it has come again');
  assert.equal(received[1].headers['webhook-id'], received[0].headers['webhook-id']);
});

browserTest('watches the processes at work', async ({ open }) => {
  const page = await openAdmin(open, '/app/admin/processes');
  const services = page.getByRole('table', { name: 'Services' });
  for (const service of ['auth', 'event', 'booking', 'payment', 'crm']) await seen(services.getByRole('rowheader', { name: service, exact: true }));
  const answered = services.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'event', exact: true }) }).getByRole('cell').nth(3);
  const before = await textOf(answered, Boolean, 'it says how many calls were answered');
  await call('GET', '/events');
  await textOf(answered, (now) => now !== before, 'the count goes on by itself');
  await seen(page.getByRole('table', { name: 'Brokers' }).getByText('Running'));
});

browserTest('looks into the audit log, for one kind of event of one account', async ({ open }) => {
  const person = await register();
  const page = await openAdmin(open, '/app/admin/log');
  await field(page, 'Event').fill('user_created');
  await field(page, 'Account number').fill(String(person.id));
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.waitForURL(/event=user_created/);
  const rows = page.getByRole('table', { name: 'Audit log' }).getByRole('row').filter({ hasText: 'user_created' });
  await until(async () => (await rows.count()) === 1, 'there is one such event');
  await seen(rows.getByText(String(person.id), { exact: true }));
  await page.goBack();
  await until(async () => (await rows.count()) !== 1, 'the filters are gone');
});

browserTest('looks who has paid and who has not', async ({ open }) => {
  const event = await publish(await facilitator(), { price: 1500, currency: 'INR' });
  const [paid, unpaid] = [await register({ name: 'Nila Krishnan' }), await register({ name: 'Tom Weaver' })];
  await paidBooking(paid, event);
  await call('POST', '/bookings', { token: unpaid.token, body: { event_id: event.id } });
  const page = await openAdmin(open, '/app/admin/payments');
  const row = (person) => page.getByRole('row').filter({ hasText: person.email });
  await field(page, 'Show').selectOption('Paid');
  await seen(row(paid).getByText('₹1,500').first());
  await gone(row(unpaid));
  await field(page, 'Show').selectOption('Not paid yet');
  await seen(row(unpaid).getByText('Waiting for payment'));
  await gone(row(paid));
});

browserTest('is no place for others', async ({ open }) => {
  const { page } = await open();
  await signIn(page, await facilitator());
  await page.goto('/app/admin/users');
  await seen(heading(page, 'Not for this account'));
  assert.equal(await page.getByRole('table').count(), 0);
});
