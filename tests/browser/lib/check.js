/** What holds for every page: nothing that axe finds, nothing that sticks out, one heading of the first level. */
import assert from 'node:assert';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { out } from './browser.js';
import { site } from './site.js';

const axe = fs.readFileSync(createRequire(path.join(site.root, 'tests/node/')).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Waits until nothing is on its way. Streams never end, so the network's silence is no sign. */
export async function settled(page) {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('[role=status] .animate-pulse, .animate-pulse'));
}

export async function checkPage(page) {
  await checkLayout(page);
  await page.evaluate(axe);
  const found = await page.evaluate(async (tags) => (await window.axe.run(document, { runOnly: tags })).violations, RULES);
  const told = found.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `    ${node.target} ${node.failureSummary}`).join('\n')}`);
  assert.deepEqual(told, [], page.url());
}

/** What the words of a language may break. */
export async function checkLayout(page) {
  await settled(page);
  assert.equal(await page.locator('h1').count(), 1, `${page.url()}: headings of the first level`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert(wide <= 0, `${page.url()} is ${wide} px wider than the screen`);
}

export async function screenshot(page, name) {
  fs.mkdirSync(out, { recursive: true });
  await page.screenshot({ path: path.join(out, `${name}.png`), fullPage: true });
}
