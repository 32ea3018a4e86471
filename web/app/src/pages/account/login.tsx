/** Signing in: address and password or Google, then the second factor where the account has one. */
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useLocation, useNavigate, useSearchParams } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { keptNext, nextIsNamed, safeNext, takeKeptNext } from '../../session/next';
import { useSession, useSignedIn } from '../../session/session';
import { Button } from '../../ui/button';
import { TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { CodeForm } from './code_form';
import { GoogleChoice } from './google_button';
import { NarrowPage } from './narrow';
import { PasswordField } from './password_field';
import { EMAIL_PATTERN } from './problems';

/** What a sign-in that led through other pages came back with: it is taken out of the address at once. */
function useArrival() {
  const { pathname, search, hash } = useLocation();
  const navigate = useNavigate();
  const [arrival] = useState(() => {
    const query = new URLSearchParams(search);
    const error = query.get('error');
    return { error, challenge: new URLSearchParams(hash.slice(1)).get('challenge'), next: query.get('next') ?? (error ? keptNext() : null) };
  });
  useEffect(() => {
    if (!arrival.error && !hash) return;
    const next = arrival.next ? `?next=${encodeURIComponent(arrival.next)}` : '';
    void navigate({ pathname, search: next, hash: '' }, { replace: true });
    // Once: what comes after is this page's own doing.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return arrival;
}

export default function LoginPage() {
  const { t } = useTranslation('account');
  const arrival = useArrival();
  const [params] = useSearchParams();
  const { profile } = useSession();
  const signedIn = useSignedIn();
  const [challenge, setChallenge] = useState(arrival.error === 'second_factor_required' ? arrival.challenge : null);
  const [failed, setFailed] = useState(challenge ? null : arrival.error);
  const [goingTo, setGoingTo] = useState<string | null>(null);
  const next = safeNext(params.get('next') ?? arrival.next);

  const finish = (answer: { second_factor_setup_required?: boolean }) => {
    takeKeptNext();
    setGoingTo(answer.second_factor_setup_required ? '/app/profile/security' : next);
    void signedIn(answer);
  };
  if (profile) return <Navigate to={goingTo ?? next} replace />;
  if (profile === undefined && !goingTo)
    return (
      <NarrowPage title={t('login.title')}>
        <Loading count={1} className="h-64 w-full" />
      </NarrowPage>
    );
  if (challenge) return <CodeForm challenge={challenge} onDone={finish} onRestart={() => setChallenge(null)} />;
  return (
    <NarrowPage title={t('login.title')} lead={nextIsNamed(next) ? t('login.leadNext') : t('login.lead')}>
      {failed && <Failed code={failed} />}
      <Card>
        <PasswordForm
          busy={goingTo !== null}
          onDone={finish}
          onChallenge={(given) => {
            setFailed(null);
            setChallenge(given);
          }}
        />
        <GoogleChoice next={next} />
      </Card>
      <p className="text-muted">
        {t('login.noAccount')}{' '}
        <Link
          to={`/app/register${nextIsNamed(next) ? `?next=${encodeURIComponent(next)}` : ''}`}
          className="font-semibold text-brand underline underline-offset-4"
        >
          {t('login.register')}
        </Link>
      </p>
    </NarrowPage>
  );
}

/** Why a sign-in that led through Google came to nothing. */
function Failed({ code }: { code: string }) {
  const { t, i18n } = useTranslation('account');
  const key = `login.failed.${code}`;
  return <Notice kind="bad" role="alert" title={i18n.exists(key, { ns: 'account' }) ? t(key) : t('login.failed.other')} />;
}

type Answer = { second_factor_setup_required?: boolean };

function PasswordForm({ busy, onDone, onChallenge }: { busy: boolean; onDone: (answer: Answer) => void; onChallenge: (challenge: string) => void }) {
  const { t } = useTranslation('account');
  const { register, handleSubmit, formState } = useForm({ defaultValues: { email: '', password: '' } });
  const open = useCommand((values: { email: string; password: string }, headers) => call(api.POST('/session', { body: values, headers })), {
    onSuccess: onDone,
    onError: (error) => {
      if (challengeOf(error)) onChallenge(challengeOf(error)!);
    },
  });
  return (
    <form
      noValidate
      onSubmit={(event) => void handleSubmit((values) => open.mutate({ ...values, email: values.email.trim() }))(event)}
      className="flex flex-col gap-4"
    >
      <TextField
        type="email"
        label={t('email.label')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={254}
        error={formState.errors.email?.message}
        {...register('email', { validate: (email) => EMAIL_PATTERN.test(email.trim()) || t('email.invalid') })}
      />
      <PasswordField
        label={t('password.label')}
        autoComplete="current-password"
        error={formState.errors.password?.message}
        {...register('password', { required: t('password.needed') })}
      />
      <Link to="/app/forgot" className="self-end py-1 text-brand underline underline-offset-4">
        {t('login.forgot')}
      </Link>
      {open.error && !challengeOf(open.error) ? <ErrorNotice error={open.error} /> : null}
      <Button type="submit" busy={open.isPending || busy}>
        {t('login.submit')}
      </Button>
    </form>
  );
}

/** Null where no second factor is asked for. */
function challengeOf(error: unknown): string | null {
  if (!(error instanceof ApiError) || error.code !== 'second_factor_required') return null;
  return typeof error.details.challenge === 'string' ? error.details.challenge : null;
}
