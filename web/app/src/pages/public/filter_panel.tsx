import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { DayField } from '../../ui/day_field';
import { useKindName } from '../../ui/event_card';
import { Checkbox, Select, TextField } from '../../ui/field';
import { useTyped } from '../../ui/use_typed';
import type { Change } from './browse';
import { EVENT_LANGUAGES, type Filters, FREE, RATINGS } from './filters';
import { kindsQuery } from './queries';

type Props = { filters: Filters; change: Change };

export function FilterPanel({ filters, change, clear, done }: Props & { clear: (() => void) | null; done: () => void }) {
  const { t } = useTranslation('public');
  return (
    <section className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5">
      <div className="flex min-h-8 items-center justify-between gap-2">
        <h2 className="text-lg font-semibold">{t('filter.title')}</h2>
        {clear && (
          <button type="button" onClick={clear} className="min-h-8 cursor-pointer rounded px-1 font-medium text-brand underline underline-offset-4">
            {t('filter.clear')}
          </button>
        )}
      </div>
      <KindSelect filters={filters} change={change} />
      {filters.view === 'list' && (
        <div className="grid grid-cols-2 gap-3 lg:grid-cols-1">
          <DayField label={t('filter.from')} value={filters.from} max={filters.to} change={(from) => change({ from }, filters.from !== '')} />
          <DayField label={t('filter.to')} value={filters.to} min={filters.from} change={(to) => change({ to }, filters.to !== '')} />
        </div>
      )}
      <Select
        label={t('filter.where')}
        value={filters.online}
        onChange={(event) => change({ online: event.target.value as Filters['online'], place: event.target.value === 'true' ? '' : filters.place })}
      >
        <option value="">{t('filter.anywhere')}</option>
        <option value="false">{t('filter.inPerson')}</option>
        <option value="true">{t('common:online')}</option>
      </Select>
      {filters.online !== 'true' && <PlaceField filters={filters} change={change} />}
      <PriceFields filters={filters} change={change} />
      <RatingAndLanguage filters={filters} change={change} />
      <Button className="lg:hidden" onClick={done}>
        {t('filter.done')}
      </Button>
    </section>
  );
}

function KindSelect({ filters, change }: Props) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const name = useKindName();
  const { data } = useQuery(kindsQuery);
  const kinds = data?.types ?? [];
  const missing = filters.type !== '' && !kinds.some(({ type }) => type.toLowerCase() === filters.type.toLowerCase());
  const chosen = kinds.find(({ type }) => type.toLowerCase() === filters.type.toLowerCase())?.type ?? filters.type;
  return (
    <Select label={t('filter.kind')} value={chosen} onChange={(event) => change({ type: event.target.value })}>
      <option value="">{t('filter.anyKind')}</option>
      {missing && <option value={filters.type}>{name(filters.type)}</option>}
      {kinds.map(({ type, count }) => (
        <option key={type} value={type}>{`${name(type)} (${format.number(count)})`}</option>
      ))}
    </Select>
  );
}

function PlaceField({ filters, change }: Props) {
  const { t } = useTranslation('public');
  const [place, setPlace] = useTyped(filters.place, (typed) => change({ place: typed }, filters.place !== ''));
  return (
    <TextField label={t('filter.place')} placeholder={t('filter.placeHint')} value={place} maxLength={200} onChange={(event) => setPlace(event.target.value)} />
  );
}

function PriceFields({ filters, change }: Props) {
  const { t } = useTranslation('public');
  const [least, setLeast] = useTyped(filters.price_min, (price_min) => change({ price_min }, filters.price_min !== ''));
  const [most, setMost] = useTyped(filters.price_max, (price_max) => change({ price_max }, filters.price_max !== ''));
  const free = filters.price_max === FREE;
  const amount = { type: 'number', inputMode: 'decimal', min: 0, step: 'any', hideLabel: true } as const;
  const [lowest, highest] = [t('filter.priceMin'), t('filter.priceMax')];
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 font-medium">{t('filter.price')}</legend>
      {!free && (
        <>
          <div className="grid grid-cols-2 gap-3">
            <TextField {...amount} label={lowest} placeholder={lowest} value={least} onChange={(event) => setLeast(event.target.value)} />
            <TextField {...amount} label={highest} placeholder={highest} value={most} onChange={(event) => setMost(event.target.value)} />
          </div>
          {(filters.price_min || filters.price_max) && <p className="text-sm text-muted">{t('filter.priceHint')}</p>}
        </>
      )}
      <Checkbox label={t('filter.free')} checked={free} onChange={(event) => change({ price_min: '', price_max: event.target.checked ? FREE : '' })} />
    </fieldset>
  );
}

function RatingAndLanguage({ filters, change }: Props) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const ratings = [...new Set([...RATINGS, ...(filters.rating ? [filters.rating] : [])])];
  const languages = [...new Set([...EVENT_LANGUAGES, ...(filters.language ? [filters.language] : [])])]
    .map((tag) => [tag, format.languageName(tag)] as const)
    .sort(([, a], [, b]) => a.localeCompare(b));
  return (
    <>
      <Select label={t('filter.rating')} value={filters.rating} onChange={(event) => change({ rating: event.target.value })}>
        <option value="">{t('filter.any')}</option>
        {ratings.map((rating) => (
          <option key={rating} value={rating}>{t('filter.atLeast', { rating: format.number(Number(rating)) })}</option>
        ))}
      </Select>
      <Select label={t('filter.language')} value={filters.language} onChange={(event) => change({ language: event.target.value })}>
        <option value="">{t('filter.any')}</option>
        {languages.map(([tag, name]) => (
          <option key={tag} value={tag}>{name}</option>
        ))}
      </Select>
    </>
  );
}
