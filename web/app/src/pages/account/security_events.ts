import type { Schemas } from '../../api/client';

/** What "changed" means, by the log's detail; of others the event's own name says enough. */
const CHANGES: Record<string, string> = {
  'linked to Google': 'googleLinked',
  'linked to Google, which proves the address: earlier password, factor, sessions and keys are void': 'googleTookOver',
  'unlinked from Google': 'googleUnlinked',
  'change of address asked for': 'emailAsked',
  'address changed': 'emailChanged',
  'address verified': 'emailVerified',
  'address not verified': 'emailNotVerified',
  'address of the webhook changed': 'webhookChanged',
  'recovery code used': 'recoveryUsed',
  'recovery codes renewed': 'recoveryRenewed',
  'second factor begun': 'factorBegun',
  'second factor activated': 'factorActivated',
  'second factor removed': 'factorRemoved',
  'turned down as facilitator': 'turnedDown',
  activated: 'activated',
  deactivated: 'deactivated',
};

const WARNING = /_(fail|lock|reuse|use_after_expire|exceeded)$|_fail_?|^privilege_/;

/** Under which of the words an event stands, and whether one should look twice. */
export function eventWords({ event, detail }: Pick<Schemas['LoggedEvent'], 'event' | 'detail'>): { title: string; warns: boolean } {
  const warns = WARNING.test(event) || detail === 'second factor removed';
  if (event === 'user_updated') return { title: CHANGES[detail] ?? event, warns };
  if (event === 'authn_token_created') return { title: detail.startsWith('link by mail') ? 'linkMailed' : 'keyCreated', warns };
  if (event === 'authn_token_revoked') return { title: /session/.test(detail) ? 'sessionsEnded' : 'keyRevoked', warns };
  return { title: event, warns };
}
