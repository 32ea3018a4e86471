/** lighthouse.js URL: looks at the page three times, as a phone and as a desk, and prints [{page, form, performance, accessibility, …}] with medians. */
import desktop from 'lighthouse/core/config/desktop-config.js';
import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';

const ROUNDS = 3;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];

const chrome = await launch({ chromePath: process.env.CHROMIUM ?? '/usr/bin/chromium', chromeFlags: ['--headless=new', '--no-sandbox'] });
const rows = [];
try {
  for (const form of ['phone', 'desk']) {
    const reports = [];
    for (let round = 0; round < ROUNDS; round++) {
      const flags = { port: chrome.port, onlyCategories: CATEGORIES, logLevel: 'error' };
      reports.push((await lighthouse(process.argv[2], flags, form === 'desk' ? desktop : undefined)).lhr);
    }
    const score = (category) => Math.round(100 * median(reports.map((report) => report.categories[category].score)));
    const figure = (audit) => Math.round(median(reports.map((report) => report.audits[audit].numericValue)));
    const items = reports[0].audits['network-requests'].details.items;
    const failed = Object.values(reports[0].audits).filter((audit) => audit.score !== null && audit.score < 0.9 && audit.scoreDisplayMode === 'binary');
    rows.push({
      form, performance: score('performance'), accessibility: score('accessibility'), 'best-practices': score('best-practices'),
      fcp_ms: figure('first-contentful-paint'), lcp_ms: figure('largest-contentful-paint'), tbt_ms: figure('total-blocking-time'),
      script_kib: Math.round(items.filter((item) => item.resourceType === 'Script').reduce((sum, item) => sum + item.transferSize, 0) / 102.4) / 10,
      requests: items.length, failed: failed.map((audit) => audit.id),
    });
  }
} finally {
  await chrome.kill();
}
console.log(JSON.stringify(rows));
