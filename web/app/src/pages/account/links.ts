export type MailedLink = { task: 'verify' | 'email'; token: string } | { task: 'reset'; token: string };

/** What `#verify=…` says; null where it is no link of ours. */
export function linkOf(fragment: string): MailedLink | null {
  const [task, token] = fragment.replace(/^#/, '').split('=');
  return (task === 'verify' || task === 'email' || task === 'reset') && token ? { task, token } : null;
}
