/** Every page, as everybody who has it sees it: opened by its address, at two sizes and in both themes, without a mistake that axe knows. */
import assert from 'node:assert';
import { before } from 'node:test';
import { browserTest, SIZES } from './lib/browser.js';
import { checkLayout, checkPage, screenshot, settled } from './lib/check.js';
import { book, call, demoAdmin, facilitator, inDays, paidBooking, publish, register, signIn, site, until } from './lib/site.js';

const LANGUAGES = ['en', 'hi', 'es', 'de', 'fr'];
const made = {};

before(async () => {
  made.host = await facilitator();
  made.guest = await register();
  made.event = await publish(made.host, { title: 'Silent weekend by the lake', event_type: 'retreat', price: 4500, currency: 'INR', max_participants: 12 });
  made.free = await publish(made.host, { title: 'Breath and stillness', location: null, virtual_link: 'https://meet.example.com/breath' });
  made.full = await publish(made.host, { title: 'Sound bath for two', max_participants: 1 });
  await book(await register({ name: 'Tom Weaver' }), made.full);
  made.paid = await paidBooking(made.guest, made.event);
  made.booking = await book(made.guest, made.free);
  await call('POST', '/webhooks', { token: made.host.token, body: { url: 'https://crm.example.com/hook', description: 'Our CRM' } });
  made.endpoint = (await call('GET', '/webhooks', { token: made.host.token })).endpoints[0];
  made.past = await publish(made.host, { title: 'Autumn circle', start_datetime: inDays(-20), end_datetime: inDays(-20, 12) });
});

/** Who -> {name: path}. */
const pages = {
  visitor: {
    home: () => '/app/',
    browse: () => '/app/events',
    'browse-nothing': () => '/app/events?q=zzzzzz',
    event: () => `/app/events/${made.event.id}`,
    'event-full': () => `/app/events/${made.full.id}`,
    'event-past': () => `/app/events/${made.past.id}`,
    facilitator: () => `/app/facilitators/${made.host.id}`,
    login: () => '/app/login',
    register: () => '/app/register',
    forgot: () => '/app/forgot',
    link: () => '/app/link#verify=something',
    nowhere: () => '/app/nowhere',
  },
  guest: {
    dashboard: () => '/dashboard',
    book: () => `/app/events/${made.full.id}/book`,
    'book-priced': () => `/app/events/${made.event.id}/book`,
    bookings: () => '/app/bookings',
    booking: () => `/app/bookings/${made.booking.id}`,
    'booking-paid': () => `/app/bookings/${made.paid.id}`,
    ticket: () => `/app/bookings/${made.paid.id}/ticket`,
    receipt: () => `/app/bookings/${made.paid.id}/receipt`,
    profile: () => '/app/profile',
    security: () => '/app/profile/security',
    keys: () => '/app/profile/keys',
    mail: () => '/app/profile/mail',
    data: () => '/app/profile/data',
    'not-for-guests': () => '/app/host',
  },
  host: {
    host: () => '/app/host',
    'host-events': () => '/app/host/events',
    'host-new': () => '/app/host/events/new',
    'host-event': () => `/app/host/events/${made.event.id}`,
    'host-edit': () => `/app/host/events/${made.event.id}/edit`,
    'host-check-in': () => `/app/host/events/${made.event.id}/check-in`,
    'host-inbox': () => '/app/host/inbox',
    'host-earnings': () => '/app/host/earnings',
    'host-webhooks': () => '/app/host/webhooks',
    'host-webhook': () => `/app/host/webhooks/${made.endpoint.id}`,
  },
  admin: {
    admin: () => '/app/admin',
    'admin-users': () => '/app/admin/users',
    'admin-payments': () => '/app/admin/payments',
    'admin-deliveries': () => '/app/admin/deliveries',
    'admin-processes': () => '/app/admin/processes',
    'admin-log': () => '/app/admin/log',
  },
};

const people = { visitor: () => null, guest: () => made.guest, host: () => made.host, admin: () => demoAdmin };

for (const [who, theirs] of Object.entries(pages))
  for (const size of Object.keys(SIZES))
    for (const theme of ['light', 'dark'])
      browserTest(`${who}'s pages on a ${size}, ${theme}`, async ({ open }) => {
        const { page } = await open({ size, theme });
        if (people[who]()) await signIn(page, people[who]());
        for (const [name, address] of Object.entries(theirs)) {
          await page.goto(address());
          await checkPage(page);
          await screenshot(page, `${name}-${size}-${theme}`);
        }
      });

for (const language of LANGUAGES.slice(1))
  browserTest(`in ${language}, nothing sticks out`, async ({ open }) => {
    const { page } = await open({ size: 'phone', language });
    for (const who of ['visitor', 'guest', 'host', 'admin']) {
      if (people[who]()) await signIn(page, people[who]());
      for (const address of Object.values(pages[who])) {
        await page.goto(address());
        await checkLayout(page);
      }
    }
  });

const SCRIPT_BUDGET = 120 * 1024;

browserTest('the browse page comes with little script, and asks for nothing in vain', async ({ open }) => {
  const { page } = await open();
  const asked = [];
  page.on('request', (request) => asked.push(request.url().replace(site.url, '')));
  await page.goto('/app/events');
  await settled(page);
  await until(() => asked.some((address) => address.endsWith('/places')), 'places are watched');
  const loaded = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name, encodedBodySize }) => ({ name, encodedBodySize })));
  const scripts = loaded.filter(({ name }) => name.endsWith('.js'));
  const size = scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  assert(size > 0 && size < SCRIPT_BUDGET, `${size} bytes of script: ${JSON.stringify(scripts)}`);
  const twice = asked.filter((address, index) => asked.indexOf(address) !== index && !address.endsWith('.svg'));
  assert.deepEqual(twice, [], 'nothing is asked for twice');
  const needed = /^\/app\/(events$|assets\/|icon\.svg$|manifest\.webmanifest$)|^\/(events\?|event-types$|events\/\d+\/places$)/;
  assert.deepEqual(asked.filter((address) => !needed.test(address)), [], 'visitors ask for nothing that they have not');
});

browserTest('the API documentation, and trying an operation there', async ({ open }) => {
  const { page } = await open();
  await page.goto('/docs');
  await page.getByRole('heading', { name: /Tithi/ }).first().waitFor();
  await page.locator('#operations-tag-events').click();
  await page.locator('#operations-events-listEvents').getByRole('button', { name: /events/i }).first().click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.locator('.responses-table.live-responses-table').getByText('200').first().waitFor();
  await screenshot(page, 'docs');
});
