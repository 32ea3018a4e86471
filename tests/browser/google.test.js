/** Signing in with Google, whose part a certified OpenID provider plays. */
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { after } from 'node:test';
import { browserTest } from './lib/browser.js';
import { field, heading, seen, signInByForm, toast, totp } from './lib/act.js';
import { call, changeAccount, PASSWORD, register, signIn, site, unique } from './lib/site.js';

const { GOOGLE_ISSUER: google, GOOGLE_CLIENT_ID: client_id, GOOGLE_CLIENT_SECRET: client_secret } = process.env;
const NOT_OURS = /fonts\.googleapis\.com|net::ERR_|Refused to|Content Security Policy/; // what the provider's own pages say
let provider;

async function openProvider() {
  const client = { client_id, client_secret, redirect_uris: [`${site.url}/auth/google/callback`] };
  const settings = JSON.stringify({ port: Number(new URL(google).port), client });
  provider = spawn('node', ['issuer.mjs', settings], { cwd: path.join(site.root, 'tests/node'), stdio: ['pipe', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: provider.stdout })) if (line.trim() === 'ready') break;
  await new Promise((resolve) => setTimeout(resolve, 1100)); // who was away is asked again after a second
}

after(() => provider?.stdin.end());

const button = (page) => page.getByRole('link', { name: 'Continue with Google' });

/** What Google would say of somebody. */
function claimsOf(email, name = 'Nila Krishnan') {
  return { sub: `sub-${email}`, email, email_verified: true, name };
}

/** Through the provider's own pages. */
async function agree(page, claims) {
  await page.waitForURL((url) => url.href.startsWith(google));
  await page.locator('input[name=login]').fill(JSON.stringify(claims));
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

browserTest('is told that Google does not answer', async ({ open }) => {
  const { page } = await open({ tolerates: NOT_OURS });
  await page.goto('/app/login');
  await button(page).click();
  await seen(page.getByRole('alert').getByText('Google does not answer at the moment.'));
  await openProvider();
});

browserTest('makes an account, and is led back to where signing in was asked for', async ({ open }) => {
  const { page } = await open({ tolerates: NOT_OURS });
  const email = `${unique('nila')}@example.com`;
  await page.goto('/app/profile/mail');
  await button(page).click();
  await agree(page, claimsOf(email));
  await seen(heading(page, 'E-mails'));
  await page.goto('/app/profile');
  await seen(page.getByText(email));
  await seen(page.getByText('Verified', { exact: true }));
  assert.equal(await field(page, 'Name').inputValue(), 'Nila Krishnan');
});

browserTest('thinks better of it there, and signs in by password', async ({ open }) => {
  const { page } = await open({ tolerates: NOT_OURS });
  const person = await register();
  await page.goto('/app/profile/mail');
  await button(page).click();
  await page.waitForURL((url) => url.href.startsWith(google));
  await page.getByRole('link', { name: 'Cancel' }).click();
  await seen(page.getByRole('alert').getByText('The sign-in was interrupted'));
  await field(page, 'E-mail address').fill(person.email);
  await field(page, 'Password').fill(person.password);
  await page.keyboard.press('Enter');
  await seen(heading(page, 'E-mails'));
});

browserTest('links Google to an account that is there, and unlinks it', async ({ open }) => {
  const { page } = await open({ tolerates: NOT_OURS });
  const person = await register();
  await changeAccount(person.id, { is_verified: true });
  await signIn(page, person);
  await page.goto('/app/profile/security');
  await page.getByRole('link', { name: 'Link Google' }).click();
  await agree(page, claimsOf(person.email));
  await seen(heading(page, 'Security'));
  await seen(page.getByText(/^Linked on /));
  assert.equal((await call('GET', '/profile/identities', { token: person.token })).identities.length, 1);

  await page.getByRole('button', { name: 'Unlink Google' }).click();
  const dialog = page.getByRole('dialog', { name: 'Unlink Google?' });
  await field(dialog, 'Your present password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Unlink Google' }).click();
  await seen(toast(page, 'Google is unlinked.'));
  await seen(page.getByRole('link', { name: 'Link Google' }));
});

browserTest('is asked for the second factor, also by way of Google', async ({ open }) => {
  const { page } = await open({ tolerates: NOT_OURS });
  const person = await register();
  await changeAccount(person.id, { is_verified: true });
  const { secret } = await call('POST', '/profile/second-factor', { token: person.token, body: { current_password: PASSWORD } });
  await call('POST', '/profile/second-factor/confirm', { token: person.token, body: { code: totp(secret) } });
  await page.goto('/app/profile/mail');
  await button(page).click();
  await agree(page, claimsOf(person.email));
  await seen(heading(page, 'One more step'));
  await field(page, 'Code of the app').fill(totp(secret, Date.now() + 30_000)); // that of now was used just before
  await page.getByRole('button', { name: 'Continue' }).click();
  await seen(heading(page, 'E-mails'));
});
