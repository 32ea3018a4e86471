import { expect, test } from 'vitest';
import { nextIsNamed, safeNext } from './next';

test.each(['/app/bookings/7', '/app/events?q=yoga#top', '/dashboard', '/app/'])('%s is a page of ours', (path) => {
  expect(safeNext(path)).toBe(path);
});

test.each([
  null,
  '',
  'https://evil.example/',
  '//evil.example/app/',
  '/\\evil.example/app/',
  '/\t/evil.example/app/',
  'javascript:alert(1)',
  '/app/../session',
  '/auth/google',
  '/app/login?next=/app/',
  '/app/signed-in',
  'app/events',
])('%s leads home', (path) => {
  expect(safeNext(path)).toBe('/dashboard');
  expect(nextIsNamed(path)).toBe(false);
});
