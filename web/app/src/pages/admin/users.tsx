/** Accounts: who waits for approval, what role somebody has, and ending what should end. */
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call, type Schemas } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { ConfirmDialog, Dialog } from '../../ui/dialog';
import { Checkbox, Select, TextField } from '../../ui/field';
import { More } from '../../ui/more';
import { ErrorNotice } from '../../ui/notice';
import { Badge, Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';
import { useToast } from '../../ui/toast';
import { useQueryParts } from '../../ui/use_query_parts';
import { useTyped } from '../../ui/use_typed';

type Account = Schemas['UserAccount'];
type Change = NonNullable<Parameters<typeof changeAccount>[1]>;

const ROLES = ['user', 'facilitator', 'admin'] as const;

function changeAccount(id: number, body: { role?: Account['role']; facilitator_pending?: boolean; is_active?: boolean; is_verified?: boolean; second_factor?: 'removed' }) {
  return call(api.PUT('/admin/users/{user_id}', { params: { path: { user_id: id } }, body }));
}

export default function Users() {
  const { t } = useTranslation('admin');
  const format = useFormat();
  const [params, change] = useQueryParts();
  const [opened, setOpened] = useState<Account | null>(null);
  const q = params.get('q')?.slice(0, 200) || undefined;
  const [typed, setTyped] = useTyped(q ?? '', (text) => change('q', text));
  const role = ROLES.find((each) => each === params.get('role'));
  const pending = params.get('pending') === 'true' || undefined;
  const query = useInfiniteQuery({
    queryKey: ['admin', 'users', { q, role, pending }],
    queryFn: ({ pageParam, signal }) => call(api.GET('/admin/users', { params: { query: { q, role, pending, after: pageParam } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const users = query.data?.pages.flatMap((page) => page.users) ?? [];
  return (
    <Page wide title={t('users.title')} lead={t('users.lead')}>
      <form className="grid items-end gap-4 sm:grid-cols-3" role="search" onSubmit={(event) => event.preventDefault()}>
        <TextField type="search" label={t('users.search')} value={typed} maxLength={200} onChange={(event) => setTyped(event.target.value)} />
        <Select label={t('users.role')} value={role ?? ''} onChange={(event) => change('role', event.target.value)}>
          <option value="">{t('all')}</option>
          {ROLES.map((each) => (
            <option key={each} value={each}>
              {t(`users.roles.${each}`)}
            </option>
          ))}
        </Select>
        <Checkbox label={t('users.onlyPending')} checked={pending ?? false} onChange={(event) => change('pending', event.target.checked ? 'true' : '')} />
      </form>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading className="h-10 w-full" count={8} />}
      {query.isSuccess && users.length === 0 && <Empty title={pending ? t('users.nonePending') : t('users.none')}>{t('users.noneHint')}</Empty>}
      {users.length > 0 && (
        <Table hideCaption caption={t('users.title')} head={[t('users.person'), t('users.role'), t('users.state'), t('users.since'), t('users.lastSignIn'), '']}>
          {users.map((user) => (
            <tr key={user.id}>
              <Cell>
                {user.name}
                <span className="block text-sm break-all text-muted">{user.email}</span>
              </Cell>
              <Cell>{t(`users.roles.${user.role}`)}</Cell>
              <Cell>
                <States user={user} />
              </Cell>
              <Cell className="whitespace-nowrap">{format.shortDay(user.created_at)}</Cell>
              <Cell className="whitespace-nowrap">{user.last_sign_in_at ? format.relative(user.last_sign_in_at) : '–'}</Cell>
              <Cell>{!user.erased_at && <Actions user={user} onOpen={() => setOpened(user)} />}</Cell>
            </tr>
          ))}
        </Table>
      )}
      <More query={query} />
      {opened && <AccountDialog key={opened.id} user={opened} onClose={() => setOpened(null)} />}
    </Page>
  );
}

function States({ user }: { user: Account }) {
  const { t } = useTranslation('admin');
  return (
    <span className="flex flex-wrap gap-1">
      {user.erased_at && <Badge>{t('users.erased')}</Badge>}
      {user.facilitator_pending && <Badge tone="accent">{t('users.pending')}</Badge>}
      {!user.is_active && !user.erased_at && <Badge tone="bad">{t('users.inactive')}</Badge>}
      {!user.is_verified && !user.erased_at && <Badge tone="warn">{t('users.unverified')}</Badge>}
      {user.second_factor && <Badge tone="good">{t('users.secondFactor')}</Badge>}
    </span>
  );
}

function useChange(user: Account) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Change) => changeAccount(user.id, body),
    onSuccess: () => client.invalidateQueries({ queryKey: ['admin', 'users'] }),
  });
}

function Actions({ user, onOpen }: { user: Account; onOpen: () => void }) {
  const { t } = useTranslation('admin');
  const say = useToast();
  const change = useChange(user);
  const [declining, setDeclining] = useState(false);
  // A promise, since who was answered leaves the list, and this row with them.
  const answer = (body: Change, said: string) => void change.mutateAsync(body).then(() => say(said), () => undefined);
  return (
    <span className="flex flex-wrap gap-1">
      {user.facilitator_pending && (
        <>
          <Button look="secondary" busy={change.isPending} onClick={() => answer({ role: 'facilitator' }, t('users.approved', { name: user.name }))}>
            {t('users.approve')}
          </Button>
          <Button look="quiet" onClick={() => setDeclining(true)}>
            {t('users.decline')}
          </Button>
          <ConfirmDialog
            open={declining}
            title={t('users.ask.decline', { name: user.name })}
            confirm={t('users.decline')}
            busy={change.isPending}
            error={change.error}
            onConfirm={() => answer({ facilitator_pending: false }, t('users.declined', { name: user.name }))}
            onClose={() => setDeclining(false)}
          >
            <p>{t('users.means.decline', { name: user.name })}</p>
          </ConfirmDialog>
        </>
      )}
      <Button look="quiet" onClick={onOpen} aria-label={t('users.openOne', { name: user.name })}>
        {t('users.open')}
      </Button>
    </span>
  );
}

function AccountDialog({ user, onClose }: { user: Account; onClose: () => void }) {
  const { t } = useTranslation('admin');
  const { profile } = useSession();
  const say = useToast();
  const change = useChange(user);
  const [role, setRole] = useState(user.role);
  const [asking, setAsking] = useState<'deactivate' | 'secondFactor' | 'signOut' | null>(null);
  const signOut = useMutation({ mutationFn: () => call(api.DELETE('/admin/users/{user_id}/sessions', { params: { path: { user_id: user.id } } })) });
  const done = () => {
    say(t('common:saved'));
    onClose();
  };
  const self = profile?.id === user.id;
  const act = { deactivate: () => change.mutate({ is_active: false }, { onSuccess: done }), secondFactor: () => change.mutate({ second_factor: 'removed' }, { onSuccess: done }), signOut: () => signOut.mutate(undefined, { onSuccess: done }) };
  if (asking)
    return (
      <ConfirmDialog
        open
        title={t(`users.ask.${asking}`, { name: user.name })}
        confirm={t(`users.do.${asking}`)}
        busy={change.isPending || signOut.isPending}
        error={change.error ?? signOut.error}
        onConfirm={act[asking]}
        onClose={() => setAsking(null)}
      >
        <p>{t(`users.means.${asking}`)}</p>
      </ConfirmDialog>
    );
  return (
    <Dialog open title={user.name} onClose={onClose}>
      <p className="break-all text-muted">{user.email}</p>
      <States user={user} />
      {self && <p className="text-muted">{t('users.self')}</p>}
      <form
        className="flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ role }, { onSuccess: done });
        }}
      >
        <div className="min-w-0 flex-1">
          <Select label={t('users.role')} value={role} disabled={self} onChange={(event) => setRole(event.target.value as Account['role'])}>
            {ROLES.map((each) => (
              <option key={each} value={each}>
                {t(`users.roles.${each}`)}
              </option>
            ))}
          </Select>
        </div>
        <Button type="submit" busy={change.isPending} disabled={self || role === user.role}>
          {t('common:save')}
        </Button>
      </form>
      <ErrorNotice error={change.error} />
      <div className="flex flex-wrap gap-2 border-t border-line pt-4">
        {!user.is_verified && (
          <Button look="secondary" busy={change.isPending} onClick={() => change.mutate({ is_verified: true }, { onSuccess: done })}>
            {t('users.verify')}
          </Button>
        )}
        {!self && (
          <Button look="secondary" onClick={() => setAsking('signOut')}>
            {t('users.do.signOut')}
          </Button>
        )}
        {user.second_factor && (
          <Button look="secondary" onClick={() => setAsking('secondFactor')}>
            {t('users.do.secondFactor')}
          </Button>
        )}
        {!self && user.is_active && (
          <Button look="danger" onClick={() => setAsking('deactivate')}>
            {t('users.do.deactivate')}
          </Button>
        )}
        {!user.is_active && (
          <Button look="secondary" busy={change.isPending} onClick={() => change.mutate({ is_active: true }, { onSuccess: done })}>
            {t('users.activate')}
          </Button>
        )}
      </div>
    </Dialog>
  );
}
