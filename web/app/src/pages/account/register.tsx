/** Making an account: for who books, or for who publishes events. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm, type UseFormRegisterReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useSearchParams } from 'react-router';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { isLanguage } from '../../i18n';
import { nextIsNamed, safeNext } from '../../session/next';
import { type Profile, useSession, useSignedIn } from '../../session/session';
import { Button, ButtonLink } from '../../ui/button';
import { setFieldErrors } from '../../ui/errors';
import { TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { GoogleChoice } from './google_button';
import { NarrowPage } from './narrow';
import { NewPasswordField } from './password_field';
import { SHORTEST_PASSWORD } from './passwords';
import { EMAIL_PATTERN, useProblem } from './problems';
import { PublicFields } from './public_fields';
import { siteQuery } from './site';

type Values = { name: string; email: string; password: string; role: 'user' | 'facilitator'; bio: string; specialization: string };

export default function RegisterPage() {
  const { t } = useTranslation('account');
  const [params] = useSearchParams();
  const { profile } = useSession();
  const signedIn = useSignedIn();
  const next = safeNext(params.get('next'));
  const [registered, setRegistered] = useState<{ setupDue: boolean } | null>(null);

  if (profile && !registered) return <Navigate to={next} replace />;
  if (profile && registered) {
    if (nextIsNamed(next) && !profile.facilitator_pending && !registered.setupDue) return <Navigate to={next} replace />;
    return <Welcome profile={profile} next={next} setupDue={registered.setupDue} />;
  }
  return (
    <NarrowPage title={t('register.title')} lead={t('register.lead')}>
      <Card>
        <RegisterForm
          busy={registered !== null}
          onDone={(answer) => {
            setRegistered({ setupDue: answer.second_factor_setup_required ?? false });
            void signedIn(answer);
          }}
        />
        <GoogleChoice next={next} />
      </Card>
      <p className="text-muted">
        {t('register.haveAccount')}{' '}
        <Link
          to={`/app/login${nextIsNamed(next) ? `?next=${encodeURIComponent(next)}` : ''}`}
          className="font-semibold text-brand underline underline-offset-4"
        >
          {t('register.login')}
        </Link>
      </p>
    </NarrowPage>
  );
}

function Welcome({ profile, next, setupDue }: { profile: Profile; next: string; setupDue: boolean }) {
  const { t } = useTranslation('account');
  return (
    <NarrowPage title={t('register.welcome', { name: profile.name })}>
      <Notice kind="good" role="status" title={t('register.made')}>
        <p>{t('register.mailed', { email: profile.email })}</p>
      </Notice>
      {profile.facilitator_pending && (
        <Notice kind="warn" title={t('pending.title')}>
          <p>{t('pending.text')}</p>
        </Notice>
      )}
      {setupDue && (
        <Notice kind="warn" title={t('factor.dueTitle')}>
          <p>{t('factor.dueText')}</p>
        </Notice>
      )}
      <div className="flex flex-wrap gap-2">
        {setupDue ? <ButtonLink to="/app/profile/security">{t('factor.setUp')}</ButtonLink> : <ButtonLink to={next}>{t('register.goOn')}</ButtonLink>}
        {profile.role === 'facilitator' && !setupDue ? (
          <ButtonLink look="secondary" to="/app/host/events/new">
            {t('register.firstEvent')}
          </ButtonLink>
        ) : (
          <ButtonLink look="secondary" to="/app/events">
            {t('register.browse')}
          </ButtonLink>
        )}
      </div>
    </NarrowPage>
  );
}

function RegisterForm({ busy, onDone }: { busy: boolean; onDone: (answer: { second_factor_setup_required?: boolean }) => void }) {
  const { t, i18n } = useTranslation('account');
  const { data: site } = useQuery(siteQuery);
  const problem = useProblem();
  const { register, handleSubmit, watch, setError, formState } = useForm<Values>({
    defaultValues: { name: '', email: '', password: '', role: 'user', bio: '', specialization: '' },
  });
  const { errors } = formState;
  const hosts = watch('role') === 'facilitator';
  const open = useCommand(
    ({ bio, specialization, ...values }: Values, headers) =>
      call(
        api.POST('/session/register', {
          body: {
            ...values,
            email: values.email.trim(),
            sign_in: true,
            ...(isLanguage(i18n.language) ? { language: i18n.language } : {}),
            ...(values.role === 'facilitator' ? { bio: bio.trim() || null, specialization: specialization.trim() || null } : {}),
          },
          headers,
        }),
      ),
    {
      onSuccess: onDone,
      onError: (error) => {
        const known = problem(error);
        if (known) setError(known.field === 'email' ? 'email' : 'password', { message: known.sentence }, { shouldFocus: true });
        else setFieldErrors<Values>(error, ['name', 'bio', 'specialization'], setError);
      },
    },
  );
  const told = open.error && !problem(open.error);
  return (
    <form noValidate onSubmit={(event) => void handleSubmit((values) => open.mutate(values))(event)} className="flex flex-col gap-5">
      {site?.facilitator_signup !== 'closed' && (
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1 font-medium">{t('register.role')}</legend>
          <div className="grid gap-3 sm:grid-cols-2">
            <RoleCard value="user" title={t('register.user')} text={t('register.userText')} field={register('role')} />
            <RoleCard value="facilitator" title={t('register.facilitator')} text={t('register.facilitatorText')} field={register('role')} />
          </div>
          {hosts && site?.facilitator_signup === 'approval' && (
            <Notice kind="info" role="status">
              <p>{t('register.approval')}</p>
            </Notice>
          )}
        </fieldset>
      )}
      <TextField
        label={t('profile.name')}
        autoComplete="name"
        maxLength={200}
        error={errors.name?.message}
        {...register('name', { validate: (name) => name.trim() !== '' || t('profile.nameNeeded') })}
      />
      <TextField
        type="email"
        label={t('email.label')}
        hint={t('register.emailHint')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={254}
        error={errors.email?.message}
        {...register('email', { validate: (email) => EMAIL_PATTERN.test(email.trim()) || t('email.invalid') })}
      />
      <NewPasswordField
        label={t('password.label')}
        own={[watch('name'), watch('email')]}
        error={errors.password?.message}
        {...register('password', { validate: (password) => [...password].length >= SHORTEST_PASSWORD || t('password.weakness.short') })}
      />
      {hosts && <PublicFields register={register} errors={errors} />}
      {told ? <ErrorNotice error={open.error} /> : null}
      <Button type="submit" busy={open.isPending || busy}>
        {t('register.submit')}
      </Button>
    </form>
  );
}

const roleCard =
  'flex cursor-pointer gap-3 rounded-xl border border-edge p-4 has-checked:border-brand has-checked:bg-brand-soft ' +
  'has-focus-visible:outline-3 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent';

function RoleCard({ value, title, text, field }: { value: string; title: string; text: string; field: UseFormRegisterReturn }) {
  return (
    <label className={roleCard}>
      <input type="radio" value={value} {...field} className="mt-1 size-5 shrink-0 accent-brand focus-visible:outline-none" />
      <span>
        <span className="font-semibold">{title}</span>
        <span className="block text-sm text-muted">{text}</span>
      </span>
    </label>
  );
}
