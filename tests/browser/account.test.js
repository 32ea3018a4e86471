/** One's own account, from the first visit to the last. */
import assert from 'node:assert';
import fs from 'node:fs';
import { browserTest } from './lib/browser.js';
import { field, gone, heading, mailedLink, seen, signInByForm, toast, totp } from './lib/act.js';
import { book, call, facilitator, mailTo, PASSWORD, publish, register, signIn, site, unique, until } from './lib/site.js';

browserTest('makes an account, verifies the address, signs out and in again', async ({ open }) => {
  const { page } = await open();
  const email = `${unique('nila')}@example.com`;
  await page.goto('/app/register');
  await field(page, 'Name').fill('Nila Krishnan');
  await field(page, 'E-mail address').fill(email);
  await field(page, 'Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await seen(heading(page, 'Welcome, Nila Krishnan'));
  await seen(page.getByText(`We have mailed a link to ${email}.`));

  await page.goto(await mailedLink(email, 'verify'));
  await page.waitForURL((url) => !url.hash); // the token does not stay in the address
  await page.getByRole('button', { name: 'Verify the address' }).click();
  await seen(page.getByRole('status').getByText('The address is verified.'));
  await page.getByRole('link', { name: 'Go to your account' }).click();
  await seen(page.getByText('Verified', { exact: true }));

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Sign in' }).click();
  await field(page, 'E-mail address').fill(email);
  await field(page, 'Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await seen(page.getByRole('button', { name: 'Sign out' }));
});

browserTest('is told that the password is wrong, and the form keeps its content', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await signInByForm(page, { email: person.email, password: 'not that password' });
  await seen(page.getByRole('alert').getByText('E-mail address or password is wrong.'));
  assert.equal(await field(page, 'E-mail address').inputValue(), person.email);
  assert.equal(await field(page, 'Password').inputValue(), 'not that password');
  await field(page, 'Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await seen(page.getByRole('button', { name: 'Sign out' }));
});

browserTest('is led back to where signing in was asked for', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await page.goto('/app/profile/mail');
  await seen(page.getByText('Sign in to go on.'));
  await field(page, 'E-mail address').fill(person.email);
  await field(page, 'Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await seen(heading(page, 'E-mails'));
});

browserTest('sets a new password by a mailed link', async ({ open }) => {
  const { page } = await open();
  const { email } = await register();
  await page.goto('/app/login');
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await field(page, 'E-mail address').fill(email);
  await page.getByRole('button', { name: 'Mail me a link' }).click();
  await seen(page.getByRole('status').getByText(`If there is an account with ${email}, a link is on its way.`));

  const link = await mailedLink(email, 'reset');
  await page.goto(link);
  await field(page, 'New password').fill('short');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await seen(page.getByText('Please use at least 8 characters.'));
  await field(page, 'New password').fill('another quite long one');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await seen(page.getByRole('status').getByText('The new password is set.'));

  await signInByForm(page, { email, password: PASSWORD });
  await seen(page.getByRole('alert').getByText('E-mail address or password is wrong.'));
  await signInByForm(page, { email, password: 'another quite long one' });
  await seen(page.getByRole('button', { name: 'Sign out' }));

  await page.goto(link);
  await field(page, 'New password').fill('a third one, also long');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await seen(page.getByRole('alert').getByText('This link is wrong, was used already or is too old.'));
});

browserTest('turns the second factor on, and signs in with the app and with a recovery code', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await signIn(page, person);
  await page.goto('/app/profile/security');
  await page.getByRole('button', { name: 'Set up the second factor' }).click();
  const dialog = page.getByRole('dialog', { name: 'Set up the second factor' });
  await field(dialog, 'Your present password').fill('not that password');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await seen(dialog.getByText('This is not your present password.'));
  await field(dialog, 'Your present password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await seen(dialog.getByRole('img', { name: 'QR code for the authenticator app' }));
  await dialog.getByText('I cannot scan it').click();
  const secret = await dialog.getByRole('group', { name: 'Key for the app' }).textContent();
  await field(dialog, 'Code of the app').fill(totp(secret));
  await dialog.getByRole('button', { name: 'Turn it on' }).click();
  const list = page.getByRole('list', { name: 'Recovery codes' });
  await seen(list);
  const codes = await list.getByRole('listitem').allTextContents();
  assert.equal(codes.length, 10);
  await field(page, 'I have kept these codes').check();
  await page.getByRole('button', { name: 'Done' }).click();
  await seen(page.getByText('10 recovery codes are left.'));

  await page.getByRole('button', { name: 'Sign out' }).click();
  await seen(page.getByRole('link', { name: 'Sign in' }));
  await signInByForm(page, person);
  await seen(heading(page, 'One more step'));
  await field(page, 'Code of the app').fill('000000');
  await page.getByRole('button', { name: 'Continue' }).click();
  await seen(page.getByText('This code is wrong, or was used already.'));
  // The code of now was used just before; the next one is good already.
  await field(page, 'Code of the app').fill(totp(secret, Date.now() + 30_000));
  await page.keyboard.press('Enter');
  await seen(page.getByRole('button', { name: 'Sign out' }));

  await page.getByRole('button', { name: 'Sign out' }).click();
  await seen(page.getByRole('link', { name: 'Sign in' }));
  await signInByForm(page, person);
  await page.getByRole('button', { name: 'Use a recovery code' }).click();
  await field(page, 'Recovery code').fill(codes[0].toLowerCase());
  await page.getByRole('button', { name: 'Continue' }).click();
  await seen(page.getByRole('button', { name: 'Sign out' }));
  await page.goto('/app/profile/security');
  await seen(page.getByText('9 recovery codes are left.'));
});

browserTest('sees both devices, and ends the other', async ({ open }) => {
  const person = await register();
  const [here, there] = [await open(), await open({ size: 'phone' })];
  for (const { page } of [here, there]) {
    await signInByForm(page, person);
    await seen(heading(page, /Asha/));
  }
  await here.page.goto('/app/profile/security');
  await seen(here.page.getByRole('listitem').filter({ hasText: 'Chrome on Linux' }).filter({ hasText: 'This device' }));
  const end = here.page.getByRole('button', { name: 'Sign out Chrome on Linux' });
  await end.click();
  await seen(toast(here.page, '1 device is signed out.'));
  await gone(end);

  await there.page.goto('/app/bookings');
  await seen(heading(there.page, 'Sign in'));
  await here.page.goto('/app/bookings');
  await seen(heading(here.page, 'My bookings'));
});

browserTest('makes an API key, uses and revokes it', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await signIn(page, person);
  await page.goto('/app/profile/keys');
  await page.getByRole('button', { name: 'Create a key' }).click();
  const dialog = page.getByRole('dialog', { name: 'Create a key' });
  await field(dialog, 'Name').fill('My calendar');
  await field(dialog, 'Your present password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Create a key' }).click();
  await seen(page.getByText('The key “My calendar” is there'));
  const key = await page.getByRole('group', { name: 'API key' }).textContent();
  const use = async () => fetch(`${site.url}/profile`, { headers: { Authorization: `Bearer ${key}` } });
  assert.equal((await (await use()).json()).email, person.email);

  await page.reload();
  await seen(page.getByRole('heading', { name: 'My calendar' }));
  assert.equal(await page.getByText(key).count(), 0, 'it is shown once');
  await page.getByRole('button', { name: 'Revoke My calendar' }).click();
  await page.getByRole('dialog', { name: 'Revoke “My calendar”?' }).getByRole('button', { name: 'Revoke' }).click();
  await seen(toast(page, 'The key is revoked.'));
  await seen(page.getByText('You have no API keys'));
  assert.equal((await use()).status, 401);
});

browserTest('turns a kind of mail off, and takes that back', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await signIn(page, person);
  await page.goto('/app/profile/mail');
  const reminders = page.getByRole('switch', { name: 'Reminders' });
  await reminders.click();
  await seen(toast(page, 'Reminders: turned off'));
  await page.reload();
  await seen(reminders);
  assert.equal(await reminders.isChecked(), false);

  await page.getByRole('switch', { name: 'Payments' }).click();
  await seen(toast(page, 'Payments: turned off'));
  await page.getByRole('button', { name: 'Undo' }).click();
  await until(() => page.getByRole('switch', { name: 'Payments' }).isChecked(), 'payments are shown as turned on again');
  await until(async () => (await call('GET', '/profile/mail', { token: person.token })).payment, 'payments are turned on again');
});

browserTest('changes the profile', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await signIn(page, person);
  await page.goto('/app/profile');
  await field(page, 'Name').fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await seen(page.getByText('Please tell us your name.'));
  await field(page, 'Name').fill('Asha R. Rao');
  await page.getByLabel('Telephone').fill('+91 98765 43210');
  await page.getByRole('button', { name: 'Save' }).click();
  await seen(toast(page, 'Saved'));
  const profile = await call('GET', '/profile', { token: person.token });
  assert.equal(profile.name, 'Asha R. Rao');
  assert.equal(profile.phone.replaceAll(' ', ''), '+919876543210');
});

browserTest('takes the own data away as a file', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  const booking = await book(person, await publish(await facilitator()));
  await signIn(page, person);
  await page.goto('/app/profile/data');
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download my data' }).click();
  const file = await saving;
  assert.match(file.suggestedFilename(), /^tithi-.*\.json$/);
  const text = fs.readFileSync(await file.path(), 'utf8');
  JSON.parse(text);
  for (const part of [person.email, booking.booking_reference]) assert(text.includes(part), `${part} is in the file`);
  await seen(page.getByRole('status').getByText('The file is in your downloads.'));
});

browserTest('erases the account: first what is booked has to go', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  const booking = await book(person, await publish(await facilitator()));
  await signIn(page, person);
  await page.goto('/app/profile/data');
  await page.getByRole('button', { name: 'Erase my account' }).click();
  const dialog = page.getByRole('dialog', { name: 'Erase your account for good?' });
  await field(dialog, 'Your present password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Erase my account' }).click();
  await seen(dialog.getByRole('alert').getByText('You still have upcoming bookings or events.'));
  await call('POST', `/bookings/${booking.id}/cancel`, { token: person.token });
  await dialog.getByRole('button', { name: 'Erase my account' }).click();
  await seen(heading(page, 'Goodbye'));
  await signInByForm(page, person);
  await seen(page.getByRole('alert').getByText('E-mail address or password is wrong.'));
});

browserTest('changes the language, which stays, and is that of the mails', async ({ open }) => {
  const { page } = await open();
  const person = await register();
  await signIn(page, person);
  await page.goto('/app/events');
  await field(page, 'Language').last().selectOption('Español');
  await seen(page.getByRole('link', { name: 'Mis reservas' }));
  assert.equal(await page.locator('html').getAttribute('lang'), 'es');
  await page.reload();
  await seen(page.getByRole('link', { name: 'Mis reservas' }));
  const event = await publish(await facilitator());
  await until(async () => (await call('GET', '/profile', { token: person.token })).language === 'es', 'the account has the language');
  await book(person, event);
  await mailTo(person.email, /Su reserva para/);
});

browserTest('keeps the colours that were chosen', async ({ open }) => {
  const { page } = await open({ theme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.goto('/app/');
  const light = await ground();
  await page.getByRole('button', { name: 'Use dark colours' }).click();
  await seen(page.getByRole('button', { name: 'Use light colours' }));
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await seen(page.getByRole('button', { name: 'Use light colours' }));
  assert.equal(await ground(), dark);
});
