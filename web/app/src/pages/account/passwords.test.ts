import { expect, test } from 'vitest';
import { passwordStrength } from './passwords';

test.each([
  ['', 0],
  ['short', 0],
  ['sieben7', 0],
  ['aaaaaaaaaa', 1],
  ['abababab', 1],
  ['12345678', 1],
  ['password', 1],
  ['Password123!', 1],
  ['tithi2026', 1],
  ['meadow12', 2],
  ['correct horse', 2],
  ['correct horse battery staple', 4],
  ['धैर्य रखो सब अच्छा', 4],
] as const)('%s is worth %i', (password, strength) => {
  expect(passwordStrength(password)).toBe(strength);
});

test('who knows a person knows these', () => {
  expect(passwordStrength('Asha-Rao-1990', ['Asha Rao'])).toBe(1);
  expect(passwordStrength('asha.from.pune77', ['asha.from.pune@example.com'])).toBe(1);
  expect(passwordStrength('asha.from.pune77')).toBeGreaterThan(1);
});
