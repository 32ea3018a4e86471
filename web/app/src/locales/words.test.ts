/** Every language says the same things, and every word that a page asks for exists. */
import { describe, expect, test } from 'vitest';
import { LANGUAGES } from '../i18n';

type Words = { [key: string]: string | Words };

const files = import.meta.glob<Words>('./*/*.json', { import: 'default', eager: true });
const sources = import.meta.glob<string>(['../**/*.{ts,tsx}', '!../**/*.test.*'], { query: '?raw', import: 'default', eager: true });

/** {"nav.browse": "Browse"}; what differs only by plural counts as one, since languages have different ones. */
function flat(words: Words, before = ''): Record<string, string> {
  return Object.assign({}, ...Object.entries(words).map(([key, value]) => (typeof value === 'string' ? { [before + key]: value } : flat(value, `${before}${key}.`)))) as Record<string, string>;
}

const single = (key: string) => key.replace(/_(zero|one|two|few|many|other)$/, '');
const wordsOf = (language: string, namespace: string) => flat(files[`./${language}/${namespace}.json`] ?? {});
const namespaces = [...new Set(Object.keys(files).map((name) => name.replace(/^.*\/(.*)\.json$/, '$1')))];
const blanks = (text: string) => [...new Set(text.match(/{{\s*\w+/g) ?? [])].map((blank) => blank.replace(/{{\s*/, '')).filter((blank) => blank !== 'count').sort();

describe.each(namespaces)('%s', (namespace) => {
  const english = wordsOf('en', namespace);

  test.each(Object.keys(LANGUAGES))('is complete in %s', (language) => {
    const words = wordsOf(language, namespace);
    expect([...new Set(Object.keys(words).map(single))].sort()).toEqual([...new Set(Object.keys(english).map(single))].sort());
    const plurals = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, text] of Object.entries(words)) {
      expect(text.trim(), `${language} ${key}`).not.toBe('');
      const meant = english[key] ?? english[`${single(key)}_other`] ?? '';
      expect(blanks(text), `${language} ${key}`).toEqual(blanks(meant));
      if (key.endsWith('_other')) for (const plural of plurals) expect(words, language).toHaveProperty([`${single(key)}_${plural}`]);
    }
  });
});

/** t('key') by useTranslation('namespace') in the same file, as far as keys are literal. */
test('every word that is asked for exists', () => {
  for (const [file, text] of Object.entries(sources)) {
    const namespace = /useTranslation\((?:\[)?'(\w+)'/.exec(text)?.[1] ?? 'common';
    for (const [, asked] of text.matchAll(/\bt\('([\w.:]+)'/g)) {
      const [space, key] = asked!.includes(':') ? asked!.split(':') : [namespace, asked];
      const keys = Object.keys(wordsOf('en', space!)).map(single);
      const known = keys.includes(key!) || keys.some((each) => each.startsWith(`${key}.`));
      expect(known, `${file}: ${asked} in ${space}`).toBe(true);
    }
  }
});
