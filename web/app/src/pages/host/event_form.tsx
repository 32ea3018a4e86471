/** All that can be said of an event. What is typed is kept in this tab until it is saved. */
import { useEffect, useId, useRef, useState } from 'react';
import { useForm, type UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useQuery } from '@tanstack/react-query';
import { ApiError } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { setFieldErrors } from '../../ui/errors';
import { KINDS, useKindName } from '../../ui/event_card';
import { Checkbox, Select, TextArea, TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Switch } from '../../ui/switch';
import { deviceTimeZone, timeZones } from '../account/time_zones';
import { EVENT_LANGUAGES } from '../public/filters';
import { kindsQuery } from '../public/queries';
import { dropDraft, keepDraft, readDraft } from './drafts';
import { changedFields, complaintsByField, type EventValues, FIELDS, merged, policyProblem, TOLD } from './event_values';
import { lengthInWords } from './length_words';
import { PolicyFields } from './policy_fields';
import { between, instantsOf, later, toInstant } from './zoned_times';

/** What is being changed, as of `etag`. */
export type Basis = { values: EventValues; etag: string | null };

/** Somebody else has changed it meanwhile. */
export class Overtaken extends Error {
  constructor(readonly newest: Basis) {
    super('overtaken');
  }
}

export type SavePart = { values: EventValues; basis: Basis };

type Props = {
  start: Basis;
  draftKey: string;
  /** Who would be mailed about a change. */
  booked?: number;
  isNew?: boolean;
  /** The fewest places that there may be. */
  taken?: number;
  /** Drops the draft when it is done. */
  save: { mutate: (part: SavePart) => void; isPending: boolean; error: Error | null; reset: () => void };
  onCancel: () => void;
};

type Form = UseFormReturn<EventValues>;

export function EventForm({ start, draftKey, booked = 0, taken = 0, isNew = false, save, onCancel }: Props) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const [draft] = useState(() => readDraft(draftKey));
  const [basis, setBasis] = useState<Basis>(draft ? { values: draft.base, etag: draft.etag } : start);
  const [restored, setRestored] = useState(draft !== null);
  const [loaded, setLoaded] = useState<(keyof EventValues)[] | null>(null);
  const [restarts, setRestarts] = useState(0);
  const form = useForm<EventValues>({ defaultValues: draft?.values ?? start.values });
  const values = form.watch();
  const typed = JSON.stringify(values);
  const changed = changedFields(values, basis.values);
  useEffect(() => {
    const now = JSON.parse(typed) as EventValues;
    if (changedFields(now, basis.values).length > 0) keepDraft(draftKey, { values: now, base: basis.values, etag: basis.etag });
    else dropDraft(draftKey);
  }, [typed, basis, draftKey]);

  const { setError } = form;
  useEffect(() => {
    if (save.error instanceof ApiError) {
      const { status, code, message, details } = save.error;
      setFieldErrors<EventValues>(new ApiError(status, code, message, complaintsByField(details)), FIELDS, setError);
    }
  }, [save.error, setError]);

  const startOver = () => {
    dropDraft(draftKey);
    setBasis(start);
    setRestored(false);
    setLoaded(null);
    setRestarts(restarts + 1);
    save.reset();
    form.reset(start.values);
  };
  const overtaken = save.error instanceof Overtaken ? save.error : null;
  const loadNewest = ({ newest }: Overtaken) => {
    setLoaded(changedFields(newest.values, basis.values));
    form.reset(merged(form.getValues(), basis.values, newest.values));
    setBasis(newest);
    setRestarts(restarts + 1);
    save.reset();
  };
  const names = (fields: (keyof EventValues)[]) => format.list([...new Set(fields.map((field) => t(`field.${field}`)))]);
  const told = booked > 0 && TOLD.some((field) => changed.includes(field));
  return (
    <form
      noValidate
      // What has the focus is never behind the bar at the bottom.
      className="flex flex-col gap-6 [&_:is(input,select,textarea,button)]:scroll-mb-24"
      onSubmit={(event) => void form.handleSubmit((now) => save.mutate({ values: now, basis }))(event)}
    >
      {restored && (
        <Notice role="status" title={t('draft.restored')}>
          <Button look="secondary" className="mt-2 self-start" onClick={startOver}>{t('draft.startOver')}</Button>
        </Notice>
      )}
      <WhatFields key={`what${restarts}`} form={form} />
      <WhenFields form={form} />
      <WhereFields form={form} />
      <PlacesAndPrice form={form} taken={taken} />
      {Number(values.price) > 0 && <Policy key={`policy${restarts}`} form={form} usual={basis.values.policy === null} />}
      <Reminders form={form} />
      <Card title={t('form.open')}>
        <Switch label={t('field.is_active')} hint={t('form.openHint')} checked={values.is_active} onChange={(on) => form.setValue('is_active', on)} />
      </Card>
      {told && (
        <Notice kind="warn" role="status" title={t('form.told', { count: booked })}>
          <p>{t('form.toldText', { fields: names(TOLD.filter((field) => changed.includes(field))) })}</p>
        </Notice>
      )}
      {loaded && (
        <Notice role="status" title={t('conflict.loaded')}>
          <p>{loaded.length > 0 ? t('conflict.theirs', { fields: names(loaded) }) : null}</p>
        </Notice>
      )}
      <div className="sticky bottom-0 z-10 -mx-4 flex flex-col gap-3 border-t border-line bg-ground px-4 py-3">
        {overtaken ? (
          <Notice kind="warn" role="alert" title={t('conflict.title')}>
            <p>{t('conflict.text', { fields: names(changedFields(overtaken.newest.values, basis.values)) })}</p>
            <Button look="secondary" className="mt-2 self-start" onClick={() => loadNewest(overtaken)}>{t('conflict.load')}</Button>
          </Notice>
        ) : (
          <ErrorNotice error={save.error} />
        )}
        {Object.keys(form.formState.errors).length > 0 && <p className="font-medium text-bad">{t('common:refusal.validation_error')}</p>}
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" busy={save.isPending} disabled={!isNew && changed.length === 0 && !save.isPending}>
            {isNew ? t(values.is_active ? 'form.publish' : 'form.keepClosed') : t('common:save')}
          </Button>
          <Button look="quiet" onClick={onCancel}>{t('form.leave')}</Button>
          {changed.length > 0 && <span className="text-sm text-muted">{t('draft.kept')}</span>}
        </div>
      </div>
    </form>
  );
}

/** A kind is stored by its plain name and shown in the reader's words. */
function WhatFields({ form }: { form: Form }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const id = useId();
  const kindName = useKindName();
  const { data } = useQuery(kindsQuery);
  const { register, setValue, getValues, formState: { errors } } = form;
  const [kind, setKind] = useState(() => kindName(getValues('event_type')));
  const known = new Map(KINDS.map((each) => [kindName(each).toLowerCase(), each]));
  const suggestions = [...new Set([...KINDS, ...(data?.types ?? []).map(({ type }) => type)].map((each) => kindName(each)))];
  register('event_type', { validate: (type) => type.trim() !== '' || t('form.kindNeeded') });
  const language = getValues('language');
  const languages = [...new Set([...EVENT_LANGUAGES, ...(language ? [language] : [])])]
    .map((tag) => [tag, format.languageName(tag)] as const)
    .sort(([, a], [, b]) => a.localeCompare(b));
  return (
    <Card title={t('form.what')}>
      <TextField
        label={t('field.title')}
        maxLength={200}
        autoComplete="off"
        error={errors.title?.message}
        {...register('title', { validate: (title) => title.trim() !== '' || t('form.titleNeeded') })}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          label={t('field.event_type')}
          hint={t('form.kindHint')}
          list={id}
          maxLength={64}
          autoComplete="off"
          error={errors.event_type?.message}
          value={kind}
          onChange={({ target }) => {
            setKind(target.value);
            setValue('event_type', known.get(target.value.trim().toLowerCase()) ?? target.value, { shouldValidate: form.formState.isSubmitted });
          }}
        />
        <datalist id={id}>
          {suggestions.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <Select label={t('field.language')} hint={t('form.languageHint')} error={errors.language?.message} {...register('language')}>
          <option value="">{t('form.languageUnsaid')}</option>
          {languages.map(([tag, name]) => (
            <option key={tag} value={tag}>
              {name}
            </option>
          ))}
        </Select>
      </div>
      <TextArea
        label={t('field.description')}
        hint={t('form.descriptionHint')}
        rows={8}
        maxLength={10_000}
        error={errors.description?.message}
        {...register('description')}
      />
    </Card>
  );
}

const FIRST_LENGTH_MS = 3_600_000;

function WhenFields({ form }: { form: Form }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const { register, watch, setValue, getValues, formState: { errors, isSubmitted } } = form;
  const [start, end, zone] = watch(['start', 'end', 'time_zone']);
  const before = useRef(start);
  const device = deviceTimeZone();
  const instants = instantsOf(start, zone);
  const from = instants[0];
  const to = end ? toInstant(end, zone) : null;
  const instant = (local: string) => toInstant(local, getValues('time_zone'));
  const exists = (local: string) => instant(local) !== null || t('times.gap');
  /** The end comes along, so that the length stays. */
  const moveEnd = (now: string) => {
    const length = between(before.current, getValues('end'));
    if (!Number.isNaN(Date.parse(now))) {
      if (length !== null && length > 0) setValue('end', later(now, length), { shouldValidate: isSubmitted });
      else if (getValues('end') === '') setValue('end', later(now, FIRST_LENGTH_MS));
      before.current = now;
    }
  };
  useEffect(() => {
    if (!Number.isNaN(Date.parse(start))) before.current = start;
  }, [start]);
  return (
    <Card title={t('form.when')}>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          type="datetime-local"
          label={t('field.start')}
          min="1900-01-01T00:00"
          max="9999-12-31T23:59"
          error={errors.start?.message}
          {...register('start', {
            validate: { given: (local) => local !== '' || t('times.needed'), exists },
            onChange: ({ target }: { target: HTMLInputElement }) => moveEnd(target.value),
          })}
        />
        <TextField
          type="datetime-local"
          optional
          label={t('field.end')}
          min={start || undefined}
          max="9999-12-31T23:59"
          error={errors.end?.message}
          {...register('end', {
            validate: {
              exists: (local) => local === '' || exists(local),
              order: (local) => local === '' || (instant(local) ?? 0) > (instant(getValues('start')) ?? 0) || t('times.order'),
            },
          })}
        />
      </div>
      <div className="max-w-md">
        <Select
          label={t('field.time_zone')}
          hint={t('times.zoneHint')}
          error={errors.time_zone?.message}
          {...register('time_zone', { deps: ['start', 'end'] })}
        >
          {timeZones(zone, device).map(({ continent, zones }) => {
            const options = zones.map((each) => (
              <option key={each} value={each}>
                {each.slice(continent ? continent.length + 1 : 0).replaceAll('_', ' ')}
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
      </div>
      {from && (
        <div role="status" className="flex flex-col gap-1 rounded-xl bg-sunken p-4">
          <p className="font-semibold">
            {format.day(from, zone)}, {format.time(from, zone)} {format.zone(zone, from)}
          </p>
          {to && to > from && <p>{t('times.lasts', { length: lengthInWords(to.getTime() - from.getTime(), format), end: format.dayAndTime(to, zone) })}</p>}
          {format.dayAndTime(from, zone) !== format.dayAndTime(from) && (
            <p className="text-muted">{t('times.here', { time: format.dayAndTime(from), zone: format.zone(device, from) })}</p>
          )}
          {instants.length > 1 && <p className="text-muted">{t('times.twice')}</p>}
          {from.getTime() < Date.now() && <p className="font-medium text-warn">{t('times.past')}</p>}
        </div>
      )}
    </Card>
  );
}

function isWebAddress(text: string): boolean {
  return /^https?:/i.test(text) && URL.canParse(text);
}

function WhereFields({ form }: { form: Form }) {
  const { t } = useTranslation('host');
  const { register, formState: { errors } } = form;
  return (
    <Card title={t('form.where')}>
      <p className="text-muted">{t('form.whereText')}</p>
      <TextField
        label={t('field.location')}
        hint={t('form.locationHint')}
        maxLength={500}
        autoComplete="off"
        error={errors.location?.message}
        {...register('location')}
      />
      <TextField
        type="url"
        label={t('field.virtual_link')}
        hint={t('form.linkHint')}
        placeholder="https://"
        maxLength={2000}
        autoComplete="off"
        error={errors.virtual_link?.message}
        {...register('virtual_link', { validate: (link) => link.trim() === '' || isWebAddress(link.trim()) || t('form.linkWrong') })}
      />
    </Card>
  );
}

const CURRENCIES = [
  'INR', 'EUR', 'USD', 'GBP', 'AED', 'AUD', 'BDT', 'BRL', 'CAD', 'CHF', 'CNY', 'CZK', 'DKK', 'HKD', 'HUF', 'IDR', 'ILS', 'JPY', 'KRW', 'KWD', 'LKR', 'MXN',
  'MYR', 'NOK', 'NPR', 'NZD', 'PHP', 'PLN', 'SEK', 'SGD', 'THB', 'TRY', 'VND', 'ZAR',
];
const MOST_MONEY = 10_000_000;
const MOST_PLACES = 1_000_000;

function decimalsOf(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

function PlacesAndPrice({ form, taken }: { form: Form; taken: number }) {
  const { t, i18n } = useTranslation('host');
  const format = useFormat();
  const { register, watch, getValues, formState: { errors } } = form;
  const [unlimited, price, currency] = watch(['unlimited', 'price', 'currency']);
  const names = new Intl.DisplayNames([i18n.language], { type: 'currency' });
  const currencies = [...new Set([...CURRENCIES, currency])].sort();
  const decimals = decimalsOf(currency);
  const fits = (text: string) => {
    const allowed = decimalsOf(getValues('currency'));
    if (text.trim() === '') return true;
    if (!/^\d+(\.\d+)?$/.test(text.trim())) return t('price.number');
    if (Number(text) > MOST_MONEY) return t('price.most', { amount: format.number(MOST_MONEY) });
    return (text.trim().split('.')[1]?.replace(/0+$/, '').length ?? 0) <= allowed || t('price.decimals', { count: allowed });
  };
  return (
    <Card title={t('form.places')}>
      <div className="flex flex-col gap-2">
        {!unlimited && (
          <TextField
            type="number"
            inputMode="numeric"
            min={Math.max(1, taken)}
            max={MOST_PLACES}
            label={t('field.places')}
            hint={taken > 0 ? t('form.placesTaken', { count: taken }) : undefined}
            className="max-w-40"
            error={errors.places?.message}
            {...register('places', {
              validate: (text) => {
                if (getValues('unlimited')) return true;
                const count = Number(text);
                if (!/^\d+$/.test(text.trim()) || count < 1 || count > MOST_PLACES) return t('form.placesWrong', { most: format.number(MOST_PLACES) });
                return count >= taken || t('form.placesTooFew', { count: taken });
              },
            })}
          />
        )}
        <Checkbox label={t('form.unlimited')} {...register('unlimited')} />
      </div>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          type="number"
          inputMode="decimal"
          min={0}
          max={MOST_MONEY}
          step={decimals === 0 ? '1' : (10 ** -decimals).toFixed(decimals)}
          label={t('field.price')}
          hint={Number(price) > 0 && fits(price) === true ? t('price.each', { amount: format.money(Number(price), currency) }) : t('price.free')}
          error={errors.price?.message}
          {...register('price', { validate: fits })}
        />
        <Select label={t('field.currency')} error={errors.currency?.message} {...register('currency', { deps: ['price'] })}>
          {currencies.map((each) => (
            <option key={each} value={each}>{`${each} – ${names.of(each) ?? each}`}</option>
          ))}
        </Select>
      </div>
    </Card>
  );
}

function Policy({ form, usual }: { form: Form; usual: boolean }) {
  const { t } = useTranslation('host');
  const { register, watch, setValue, getValues, formState: { errors, isSubmitted } } = form;
  const [policy, start, zone] = watch(['policy', 'start', 'time_zone']);
  const from = toInstant(start, zone);
  register('policy', {
    validate: (tiers) => {
      const problem = Number(getValues('price')) > 0 ? policyProblem(tiers) : null;
      return problem === null || t(`policy.problem.${problem}`);
    },
  });
  return (
    <Card title={t('form.policy')}>
      <PolicyFields
        policy={policy}
        usual={usual}
        error={errors.policy?.message}
        event={from && { start_datetime: from.toISOString(), time_zone: zone }}
        onChange={(tiers) => setValue('policy', tiers, { shouldValidate: isSubmitted })}
      />
    </Card>
  );
}

const REMINDERS = [10_080, 2880, 1440, 720, 180, 60, 30, 15];
const MOST_REMINDERS = 5;

function Reminders({ form }: { form: Form }) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const chosen = form.watch('reminders');
  const choices = [...new Set([...REMINDERS, ...chosen])].sort((a, b) => b - a);
  const toggle = (minutes: number, on: boolean) => form.setValue('reminders', choices.filter((each) => (each === minutes ? on : chosen.includes(each))));
  return (
    <Card title={t('field.reminders')}>
      <fieldset>
        <legend className="pb-2 text-muted">{t('form.remindersText', { count: MOST_REMINDERS })}</legend>
        <div className="grid gap-x-4 sm:grid-cols-2">
          {choices.map((minutes) => (
            <Checkbox
              key={minutes}
              label={t('form.reminder', { length: lengthInWords(minutes * 60_000, format) })}
              checked={chosen.includes(minutes)}
              disabled={!chosen.includes(minutes) && chosen.length >= MOST_REMINDERS}
              onChange={(event) => toggle(minutes, event.target.checked)}
            />
          ))}
        </div>
        {form.formState.errors.reminders?.message && <p className="text-sm font-medium text-bad">{form.formState.errors.reminders.message}</p>}
      </fieldset>
    </Card>
  );
}
