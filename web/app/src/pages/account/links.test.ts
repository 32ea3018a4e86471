import { expect, test } from 'vitest';
import { linkOf } from './links';

test('links of mails', () => {
  expect(linkOf('#reset=abc_-1')).toEqual({ task: 'reset', token: 'abc_-1' });
  expect(linkOf('#email=x')).toEqual({ task: 'email', token: 'x' });
});

test.each(['', '#', '#verify', '#verify=', '#other=1'])('%s is none', (fragment) => {
  expect(linkOf(fragment)).toBeNull();
});
