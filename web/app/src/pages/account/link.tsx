/**
 * Where mailed links lead. The token stands in the address's fragment, which no server sees; it is taken out of the address at once, kept in this
 * page only, and sent when a button is pressed: opening a link changes nothing, for programs that look through mail open links, too.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { refreshSession, sessionMayBe } from '../../session/flag';
import { profileQuery, useForgetSession, useSession } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { ForgotForm } from './forgot';
import { linkOf, type MailedLink } from './links';
import { NarrowPage } from './narrow';
import { NewPasswordField } from './password_field';
import { SHORTEST_PASSWORD } from './passwords';
import { useProblem } from './problems';

export default function LinkPage() {
  const { t } = useTranslation('account');
  const { pathname, hash } = useLocation();
  const navigate = useNavigate();
  const [link, setLink] = useState<MailedLink | null>(() => linkOf(hash));
  useEffect(() => {
    if (!hash) return;
    setLink(linkOf(hash)); // also another link, opened in the same tab
    void navigate(pathname, { replace: true });
  }, [hash, pathname, navigate]);
  if (!link)
    return (
      <NarrowPage title={t('link.noneTitle')}>
        <Notice kind="warn" title={t('link.none')} />
        <WaysOn />
      </NarrowPage>
    );
  return link.task === 'reset' ? <Reset key={link.token} token={link.token} /> : <Confirm key={link.token} {...link} />;
}

function isOver(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'link_invalid';
}

function WaysOn() {
  const { t } = useTranslation('account');
  const { profile } = useSession();
  return (
    <div className="flex flex-wrap gap-2">
      {profile ? <ButtonLink to="/app/profile">{t('link.toProfile')}</ButtonLink> : <ButtonLink to="/app/login">{t('login.title')}</ButtonLink>}
      <ButtonLink look="secondary" to="/app/events">
        {t('register.browse')}
      </ButtonLink>
    </div>
  );
}

/** An address is one's own: the account's, or a new one of it. */
function Confirm({ task, token }: { task: 'verify' | 'email'; token: string }) {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const confirm = useCommand((given: string, headers) => call(api.POST('/auth/email/verify', { body: { token: given }, headers })), {
    onSuccess: async () => {
      if (!sessionMayBe()) return;
      await refreshSession(true); // a verified address may have more rights
      await client.invalidateQueries({ queryKey: profileQuery.queryKey });
    },
  });
  const over = isOver(confirm.error);
  return (
    <NarrowPage title={t(`link.${task}.title`)} lead={confirm.isIdle || confirm.isPending ? t(`link.${task}.lead`) : undefined}>
      {confirm.isSuccess && <Notice kind="good" role="status" title={t(`link.${task}.done`)} />}
      {over && <Notice kind="bad" role="alert" title={t(`link.${task}.over`)} />}
      {confirm.error && !over ? <ErrorNotice error={confirm.error} /> : null}
      {confirm.isSuccess || over ? (
        <WaysOn />
      ) : (
        <Button busy={confirm.isPending} onClick={() => confirm.mutate(token)} className="self-start">
          {t(`link.${task}.button`)}
        </Button>
      )}
    </NarrowPage>
  );
}

function Reset({ token }: { token: string }) {
  const { t } = useTranslation('account');
  const forget = useForgetSession();
  const problem = useProblem();
  const [sentTo, setSentTo] = useState<string | null>(null);
  const { register, handleSubmit, setError, formState } = useForm({ defaultValues: { password: '' } });
  const reset = useCommand((password: string, headers) => call(api.POST('/auth/password/reset', { body: { token, new_password: password }, headers })), {
    onSuccess: () => forget(), // all sessions have ended, this browser's too
    onError: (error) => {
      const known = problem(error);
      if (known) setError('password', { message: known.sentence }, { shouldFocus: true });
    },
  });
  if (reset.isSuccess)
    return (
      <NarrowPage title={t('link.reset.title')}>
        <Notice kind="good" role="status" title={t('link.reset.done')} />
        <ButtonLink to="/app/login" className="self-start">
          {t('login.title')}
        </ButtonLink>
      </NarrowPage>
    );
  if (isOver(reset.error))
    return (
      <NarrowPage title={t('forgot.title')}>
        {sentTo ? (
          <Notice kind="good" role="status" title={t('forgot.sent', { email: sentTo })}>
            <p>{t('forgot.look')}</p>
          </Notice>
        ) : (
          <>
            <Notice kind="bad" role="alert" title={t('link.reset.over')} />
            <Card>
              <ForgotForm onSent={setSentTo} />
            </Card>
          </>
        )}
      </NarrowPage>
    );
  return (
    <NarrowPage title={t('link.reset.title')} lead={t('link.reset.lead')}>
      <Card>
        <form noValidate onSubmit={(event) => void handleSubmit(({ password }) => reset.mutate(password))(event)} className="flex flex-col gap-4">
          <NewPasswordField
            label={t('password.new')}
            error={formState.errors.password?.message}
            {...register('password', { validate: (password) => [...password].length >= SHORTEST_PASSWORD || t('password.weakness.short') })}
          />
          {reset.error && !problem(reset.error) ? <ErrorNotice error={reset.error} /> : null}
          <Button type="submit" busy={reset.isPending}>
            {t('link.reset.button')}
          </Button>
        </form>
      </Card>
    </NarrowPage>
  );
}
