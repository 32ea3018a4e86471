/** Who one is here: name, how one is reached, language and time zone; for facilitators what others read of them. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ApiError, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { isLanguage, LANGUAGES, setLanguage } from '../../i18n';
import { useFormat } from '../../i18n/format';
import { type Profile, profileQuery } from '../../session/session';
import { Button } from '../../ui/button';
import { setFieldErrors } from '../../ui/errors';
import { Select, TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Card, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { PublicFields } from './public_fields';
import { deviceTimeZone, timeZones } from './time_zones';
import { VerifyBanner } from './verify_banner';

/** With its ETag, which says at the change that nobody changed it in between. */
const editQuery = {
  queryKey: ['profile', 'edit'],
  queryFn: async ({ signal }: { signal: AbortSignal }) => {
    const answer = api.GET('/profile', { signal });
    const profile = await call(answer);
    return { profile, etag: (await answer).response.headers.get('ETag') };
  },
  refetchOnWindowFocus: false,
};

const FIELDS = ['name', 'phone', 'bio', 'specialization', 'facilitator_crm_id', 'language', 'time_zone'] as const;
type Values = Record<(typeof FIELDS)[number], string>;

function valuesOf(profile: Profile): Values {
  return Object.fromEntries(FIELDS.map((field) => [field, profile[field] ?? ''])) as Values;
}

export default function ProfilePage() {
  const { t } = useTranslation('account');
  const { data, error, refetch } = useQuery(editQuery);
  return (
    <Page title={t('profile.title')}>
      <VerifyBanner />
      {data?.profile.facilitator_pending && (
        <Notice kind="warn" title={t('pending.title')}>
          <p>{t('pending.text')}</p>
        </Notice>
      )}
      {error && !data ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : null}
      {!data && !error && <Loading count={2} className="h-64 w-full" />}
      {data && <ProfileForm profile={data.profile} etag={data.etag} onReload={() => void refetch()} />}
    </Page>
  );
}

function ProfileForm({ profile, etag, onReload }: { profile: Profile; etag: string | null; onReload: () => void }) {
  const { t, i18n } = useTranslation('account');
  const format = useFormat();
  const client = useQueryClient();
  const say = useToast();
  const { register, handleSubmit, reset, watch, setValue, setError, formState } = useForm<Values>({ defaultValues: valuesOf(profile) });
  const { errors, dirtyFields, isDirty } = formState;
  useEffect(() => reset(valuesOf(profile), { keepDirtyValues: true }), [profile, reset]);
  const save = useCommand(
    async (changes: Partial<Values>, headers) => {
      const body = Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, value.trim() || null]));
      const answer = api.PUT('/profile', { body, headers: { ...headers, ...(etag ? { 'If-Match': etag } : {}) } });
      return { user: (await call(answer)).user };
    },
    {
      onSuccess: async ({ user }) => {
        reset(valuesOf(user));
        client.setQueryData(profileQuery.queryKey, user);
        if (isLanguage(user.language)) await setLanguage(user.language);
        await client.invalidateQueries({ queryKey: editQuery.queryKey });
        say(i18n.t('common:saved')); // in the language that may have been chosen just now
      },
      onError: (error) => setFieldErrors<Values>(error, FIELDS, setError),
    },
  );
  const submit = (values: Values) => save.mutate(Object.fromEntries(FIELDS.filter((field) => dirtyFields[field]).map((field) => [field, values[field]])));
  const stale = save.error instanceof ApiError && save.error.code === 'precondition_failed';
  const hosts = profile.role === 'facilitator' || profile.facilitator_pending;
  const device = deviceTimeZone();
  return (
    <form noValidate onSubmit={(event) => void handleSubmit(submit)(event)} className="flex flex-col gap-6">
      <Card title={t('profile.who')} actions={<Badge tone="brand">{t(`profile.role.${profile.role}`)}</Badge>}>
        <div className="grid gap-5 sm:grid-cols-2">
          <TextField
            label={t('profile.name')}
            autoComplete="name"
            maxLength={200}
            error={errors.name?.message}
            {...register('name', { validate: (name) => name.trim() !== '' || t('profile.nameNeeded') })}
          />
          <TextField
            type="tel"
            optional
            label={t('profile.phone')}
            autoComplete="tel"
            maxLength={32}
            error={errors.phone?.message}
            {...register('phone')}
          />
        </div>
        <div className="flex flex-col gap-1">
          <p className="font-medium">{t('email.label')}</p>
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span className="break-all">{profile.email}</span>
            <Badge tone={profile.is_verified ? 'good' : 'warn'}>{t(profile.is_verified ? 'email.verified' : 'email.notVerified')}</Badge>
            <Link to="/app/profile/security#email" className="py-1 text-brand underline underline-offset-4">
              {t('email.change')}
            </Link>
          </p>
        </div>
        <p className="text-sm text-muted">{t('profile.since', { day: format.shortDay(profile.created_at) })}</p>
      </Card>
      {hosts && (
        <Card title={t('profile.public')}>
          <p className="text-muted">{t('profile.publicText')}</p>
          <PublicFields register={register} errors={errors} />
          <TextField
            optional
            label={t('profile.crm')}
            hint={t('profile.crmHint')}
            maxLength={64}
            className="max-w-64"
            error={errors.facilitator_crm_id?.message}
            {...register('facilitator_crm_id')}
          />
        </Card>
      )}
      <Card title={t('profile.place')}>
        <div className="grid gap-5 sm:grid-cols-2">
          <Select label={t('common:language')} hint={t('profile.languageHint')} error={errors.language?.message} {...register('language')}>
            {Object.entries(LANGUAGES).map(([tag, name]) => (
              <option key={tag} value={tag} lang={tag}>
                {name}
              </option>
            ))}
          </Select>
          <div className="flex flex-col gap-2">
            <Select label={t('profile.zone')} hint={t('profile.zoneHint')} error={errors.time_zone?.message} {...register('time_zone')}>
              {timeZones(profile.time_zone, device).map(({ continent, zones }) => {
                const options = zones.map((zone) => (
                  <option key={zone} value={zone}>
                    {zone.slice(continent ? continent.length + 1 : 0).replaceAll('_', ' ')}
                  </option>
                ));
                return continent ? (
                  <optgroup key={continent} label={continent}>
                    {options}
                  </optgroup>
                ) : (
                  options
                );
              })}
            </Select>
            {watch('time_zone') !== device && (
              <Button look="quiet" className="self-start text-start" onClick={() => setValue('time_zone', device, { shouldDirty: true })}>
                {t('profile.zoneHere', { zone: device.replaceAll('_', ' ') })}
              </Button>
            )}
          </div>
        </div>
      </Card>
      {stale ? (
        <Notice kind="warn" role="alert" title={t('profile.stale')}>
          <Button
            look="secondary"
            className="mt-2 self-start"
            onClick={() => {
              save.reset();
              onReload();
            }}
          >
            {t('profile.reload')}
          </Button>
        </Notice>
      ) : (
        <ErrorNotice error={save.error} />
      )}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" busy={save.isPending} disabled={!isDirty && !save.isPending}>
          {t('common:save')}
        </Button>
        {isDirty && (
          <Button look="quiet" onClick={() => reset(valuesOf(profile))}>
            {t('profile.discard')}
          </Button>
        )}
      </div>
    </form>
  );
}
