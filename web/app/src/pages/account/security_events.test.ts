import { expect, test } from 'vitest';
import english from '../../locales/en/account.json';
import { eventWords } from './security_events';

test.each([
  ['authn_login_success', 'password', 'authn_login_success', false],
  ['authn_login_fail', 'password: invalid_credentials', 'authn_login_fail', true],
  ['authn_token_reuse', 'refresh', 'authn_token_reuse', true],
  ['authn_token_created', 'link by mail: verify', 'linkMailed', false],
  ['authn_token_created', 'API key 7', 'keyCreated', false],
  ['authn_token_revoked', '3 sessions', 'sessionsEnded', false],
  ['authn_token_revoked', 'API key 7', 'keyRevoked', false],
  ['user_updated', 'second factor removed', 'factorRemoved', true],
  ['user_updated', 'something new', 'user_updated', false],
])('%s, %s', (event, detail, title, warns) => {
  expect(eventWords({ event, detail })).toEqual({ title, warns });
  expect(english.events).toHaveProperty([title]);
});
