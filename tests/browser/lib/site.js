/** The stack under test, and people on it made by its API. */
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export const site = { url: process.env.TITHI_URL, crmUrl: process.env.TITHI_CRM_URL, state: process.env.TITHI_STATE, root: process.env.TITHI_ROOT };
assert(site.url, 'tests/browser/run starts the stack');

export const PASSWORD = 'a good long password';
let count = 0;

export function unique(word) {
  count += 1;
  return `${word}-${process.pid}-${count}`;
}

/** Sends one call; fails unless it is answered well. */
export async function call(method, where, { token, body } = {}) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(site.url + where, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert(answer.ok, `${method} ${where}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** A new account: {email, password, name, token, id}. */
export async function register(fields = {}) {
  const person = { email: `${unique('person')}@example.com`, password: PASSWORD, name: 'Asha Rao', ...fields };
  const { access_token: token, user } = await call('POST', '/auth/register', { body: { ...person, sign_in: true } });
  return { ...person, token, id: user.id };
}

/** What an administrator of the demo data has. */
export const demoAdmin = { email: 'admin@example.com', password: 'password123' };

let adminToken;

/** Changes an account, as administrators do. */
export async function changeAccount(id, body) {
  adminToken ??= (await call('POST', '/auth/login', { body: demoAdmin })).access_token;
  return call('PUT', `/admin/users/${id}`, { token: adminToken, body });
}

/** A facilitator who has been approved. */
export async function facilitator(fields = {}) {
  const person = await register({ name: 'Meera Iyer', role: 'facilitator', bio: 'Teaches yoga since 2009.', specialization: 'Yoga', ...fields });
  await changeAccount(person.id, { role: 'facilitator' });
  const { access_token: token } = await call('POST', '/auth/login', { body: { email: person.email, password: person.password } });
  return { ...person, token };
}

export function inDays(days, hour = 10) {
  const day = new Date(Date.now() + days * 86_400_000);
  day.setUTCHours(hour, 0, 0, 0);
  return day.toISOString();
}

export async function publish(host, fields = {}) {
  const body = {
    title: unique('Morning yoga'), event_type: 'yoga', start_datetime: inDays(10), end_datetime: inDays(10, 12), max_participants: 10,
    time_zone: 'Asia/Kolkata', location: 'Lotus Hall, Pune', description: 'Slow flow for everybody.\n\nBring a mat.', ...fields,
  };
  return (await call('POST', '/events', { token: host.token, body })).event;
}

export async function book(person, event) {
  return (await call('POST', '/bookings', { token: person.token, body: { event_id: event.id } })).booking;
}

/** The newest mail to somebody whose text has this in it, as text; waits for it. */
export async function mailTo(address, wanted) {
  const folder = path.join(site.state, 'mail');
  const until = Date.now() + 15_000;
  while (Date.now() < until) {
    const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => !name.startsWith('.')).sort().reverse() : [];
    for (const file of files) {
      const text = fs.readFileSync(path.join(folder, file), 'utf8').replace(/=\r?\n/g, '').replace(/=3D/g, '=');
      if (text.includes(address) && wanted.test(text)) return text;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${address} with ${wanted}`);
}

/** Signs a page's browser in, as the login page does. */
export async function signIn(page, person) {
  if (!page.url().startsWith(site.url)) await page.goto('/app/');
  const status = await page.evaluate(async ({ email, password }) => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch('/session', { method: 'POST', headers, body: JSON.stringify({ email, password }) });
    localStorage.setItem('tithi.session', '1');
    return answer.status;
  }, person);
  assert.equal(status, 200);
}

/** A booking that is paid in the sandbox. */
export async function paidBooking(person, event) {
  const { booking, order_id: order } = await call('POST', '/bookings', { token: person.token, body: { event_id: event.id } });
  await call('POST', `/sandbox/orders/${order}`, { body: { action: 'pay' } });
  return until(async () => {
    const now = await call('GET', `/bookings/${booking.id}`, { token: person.token });
    return now.status === 'confirmed' && now;
  }, 'the booking is confirmed');
}

/** Waits until it answers something. */
export async function until(ask, what, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert(Date.now() < end, `still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the database answers, as text: for what would take too long to wait for. */
export function sql(statement) {
  return execFileSync('psql', ['-h', path.join(site.state, 'run/postgres'), '-d', 'tithi', '-qAtXc', statement], { encoding: 'utf8' }).trim();
}

/** Ends the gateway, which cuts every connection; runit starts it anew. Comes back when it answers again. */
export async function restartGateway() {
  const file = path.join(site.state, 'run/gateway-1.pid');
  const pid = () => fs.existsSync(file) && fs.readFileSync(file, 'utf8');
  const before = pid();
  process.kill(Number(before));
  const isBack = async () => pid() && pid() !== before && (await fetch(`${site.url}/readyz`).catch(() => null))?.ok;
  await until(isBack, 'the gateway is back', 60);
}
