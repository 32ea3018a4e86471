/** What people do and see, in words. */
import assert from 'node:assert';
import { createHmac } from 'node:crypto';
import { mailTo, until } from './site.js';

/** Waits until it can be seen. */
export function seen(locator) {
  return locator.first().waitFor();
}

/** Waits until it cannot be seen any more. */
export function gone(locator) {
  return locator.first().waitFor({ state: 'hidden' });
}

/** A field by its whole label. */
export function field(page, label) {
  return page.getByLabel(label, { exact: true });
}

export function heading(page, name) {
  return page.getByRole('heading', { name, level: 1 });
}

/** A short message that comes and goes. */
export function toast(page, text) {
  return page.getByRole('status').getByText(text);
}

export async function signInByForm(page, { email, password }) {
  await page.goto('/app/login');
  await field(page, 'E-mail address').fill(email);
  await field(page, 'Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Where the link of a mail about the account leads. */
export async function mailedLink(address, task) {
  const mail = await mailTo(address, new RegExp(`#${task}=`));
  return mail.match(new RegExp(`https?://[^/\\s]+(/\\S*#${task}=[\\w-]+)`))[1];
}

/** Presses Tab until that has the focus, and holds that it can be seen there. */
export async function tabTo(page, locator) {
  await seen(locator);
  const hasFocus = () => locator.evaluate((element) => element === document.activeElement);
  for (let presses = 0; presses < 120; presses++) {
    if (await hasFocus()) return assertFocusVisible(locator);
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not come to ${locator}`);
}

/** As somebody without a mouse does: goes there, and presses a key. */
export async function pressOn(page, locator, key = 'Enter') {
  await tabTo(page, locator);
  await page.keyboard.press(key);
}

/** Goes there and writes; a field that is come to by Tab has all of its text selected. */
export async function typeInto(page, locator, text) {
  await tabTo(page, locator);
  await page.keyboard.type(text);
}

async function assertFocusVisible(locator) {
  const outlines = await locator.evaluate((element) => [null, '::after'].map((part) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element, part);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) > 0;
  }));
  assert(outlines.includes(true), `the focus cannot be seen on ${locator}`);
}

/** Waits until a locator's text is one that `fits`. */
export function textOf(locator, fits, what) {
  return until(async () => {
    const text = (await locator.first().textContent())?.trim();
    return fits(text) && text;
  }, what);
}

/** The code that an authenticator app shows at that time (RFC 6238, as apps have it: SHA-1, six digits, 30 seconds). */
export function totp(secret, at = Date.now()) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
