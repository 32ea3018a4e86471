/** "Firefox", "Windows": what a User-Agent says in words; programs are named as they name themselves. Good enough to know one's own again. */
const BROWSERS: [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\bOPR\/|\bOpera\b/, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const SYSTEMS: [RegExp, string][] = [
  [/\bAndroid\b/, 'Android'],
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

const find = (words: [RegExp, string][], agent: string) => words.find(([pattern]) => pattern.test(agent))?.[1] ?? null;

export function deviceOf(agent: string | null | undefined): { browser: string | null; system: string | null; mobile: boolean } {
  const text = agent ?? '';
  const system = find(SYSTEMS, text);
  return {
    browser: find(BROWSERS, text) ?? (text.split(/[/\s(]/)[0] || null),
    system,
    mobile: system === 'Android' || system === 'iPhone' || system === 'iPad',
  };
}
