/** Tests that have a browser. A page's own mistakes (errors in the console, refused by the content security policy, answers of 5xx) fail them. */
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { createRequire } from 'node:module';
import { site } from './site.js';

const { chromium } = createRequire(path.join(site.root, 'tests/node/'))('playwright-core');

export const out = path.join(site.root, 'build/browser');
export const SIZES = { phone: { width: 360, height: 800 }, desk: { width: 1280, height: 900 } };

const launched = new Map();

/** What its cameras see is told to a Chromium when it starts. */
function launch(camera) {
  const film = camera ? [`--use-file-for-fake-video-capture=${camera}`] : [];
  if (!launched.has(camera))
    launched.set(camera, chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', ...film],
    }));
  return launched.get(camera);
}

after(async () => {
  for (const browser of launched.values()) await (await browser).close();
});

/**
 * Somebody's browser: its own cookies and storage.
 * `tolerates`: what its console may say because a test has cut its connection, or of pages that are not ours.
 * `camera`: a film (y4m) that its camera sees.
 * @param {{size?: keyof SIZES, theme?: 'light'|'dark', language?: string, timeZone?: string, tolerates?: RegExp, camera?: string}} options
 */
export async function openBrowser({ size = 'desk', theme = 'light', language = 'en', timeZone = 'Asia/Kolkata', tolerates = /^$/, camera } = {}) {
  const context = await (await launch(camera)).newContext({
    baseURL: site.url, viewport: SIZES[size], colorScheme: theme, locale: language, timezoneId: timeZone, reducedMotion: 'reduce',
    acceptDownloads: true, hasTouch: size === 'phone', permissions: ['clipboard-read', 'clipboard-write', ...(camera ? ['camera'] : [])],
  });
  context.setDefaultTimeout(20_000);
  await context.tracing.start({ snapshots: true }); // which show the page at each step; pictures of each would take a core of their own
  const problems = [];
  const watch = (page) => {
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.stack ?? error}`));
    page.on('console', (message) => {
      // Refusals (4xx) are answers; the browser reports each.
      if (message.type() !== 'error' || /status of 4\d\d/.test(message.text()) || tolerates.test(message.text())) return;
      problems.push(`${page.url()}: ${message.text()}`);
    });
    page.on('response', (response) => response.status() >= 500 && problems.push(`${response.url()}: ${response.status()}`));
  };
  context.on('page', watch);
  return { context, problems, page: await context.newPage() };
}

/**
 * A test with browsers, closed at its end. `open(options)` opens one more; what failed leaves a screenshot and a trace of each.
 * @param {string} name
 * @param {(given: {open: typeof openBrowser}) => Promise<void>} body
 */
export function browserTest(name, body) {
  test(name, { timeout: 180_000 }, async () => {
    const browsers = [];
    const open = async (options) => {
      const browser = await openBrowser(options);
      browsers.push(browser);
      return browser;
    };
    let failed = true;
    try {
      await body({ open });
      const problems = browsers.flatMap((browser) => browser.problems);
      if (problems.length > 0) throw new Error(`the page itself complains:\n${problems.join('\n')}`);
      failed = false;
    } finally {
      for (const [index, { context }] of browsers.entries()) {
        if (failed) await keepEvidence(context, `failed-${name.replace(/\W+/g, '-')}-${index}`);
        await context.close();
      }
    }
  });
}

async function keepEvidence(context, name) {
  fs.mkdirSync(out, { recursive: true });
  await context.tracing.stop({ path: path.join(out, `${name}.zip`) }).catch(() => undefined);
  for (const [index, page] of context.pages().entries())
    await page.screenshot({ path: path.join(out, `${name}-${index}.png`), fullPage: true }).catch(() => undefined);
}
