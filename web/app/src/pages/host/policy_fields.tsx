/** What comes back to who cancels: a usual policy or one's own, and how guests will read it. */
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { Select, TextField } from '../../ui/field';
import { CancellationPolicy } from '../public/policy_words';
import { type PolicyTier, policyProblem, refundTier } from './event_values';

const PRESETS = {
  anytime: [{ amount: '0', unit: 'hours', percent: '100' }],
  flexible: [{ amount: '1', unit: 'days', percent: '100' }],
  moderate: [{ amount: '7', unit: 'days', percent: '100' }, { amount: '1', unit: 'days', percent: '50' }],
  strict: [{ amount: '30', unit: 'days', percent: '100' }, { amount: '14', unit: 'days', percent: '50' }],
  none: [],
} as const satisfies Record<string, PolicyTier[]>;
type Preset = keyof typeof PRESETS;
const NAMES = Object.keys(PRESETS) as Preset[];
const MOST = 10;

function presetOf(policy: PolicyTier[]): Preset | undefined {
  return NAMES.find((name) => JSON.stringify(PRESETS[name]) === JSON.stringify(policy));
}

type Props = {
  policy: PolicyTier[] | null;
  onChange: (policy: PolicyTier[] | null) => void;
  /** That the site's own policy can be chosen: who has chosen otherwise before cannot go back by this form. */
  usual: boolean;
  error: string | undefined;
  event: { start_datetime: string; time_zone: string } | null;
};

export function PolicyFields({ policy, onChange, usual, error, event }: Props) {
  const { t } = useTranslation('host');
  const format = useFormat();
  const [own, setOwn] = useState(policy !== null && presetOf(policy) === undefined);
  const chosen = own ? 'own' : policy === null ? 'usual' : (presetOf(policy) ?? 'own');
  const choose = (name: string) => {
    setOwn(name === 'own');
    if (name === 'usual') onChange(null);
    else if (name === 'own') onChange(policy?.length ? policy : PRESETS.moderate);
    else onChange([...PRESETS[name as Preset]]);
  };
  const change = (index: number, part: Partial<PolicyTier>) => onChange((policy ?? []).map((tier, at) => (at === index ? { ...tier, ...part } : tier)));
  const latest = event ?? { start_datetime: new Date(Date.now() + 60 * 86_400_000).toISOString(), time_zone: 'UTC' };
  return (
    <>
      <Select label={t('policy.label')} value={chosen} error={chosen === 'own' ? undefined : error} onChange={(change) => choose(change.target.value)}>
        {usual && <option value="usual">{t('policy.usual')}</option>}
        {NAMES.map((name) => (
          <option key={name} value={name}>
            {t(`policy.${name}`)}
          </option>
        ))}
        <option value="own">{t('policy.own')}</option>
      </Select>
      {chosen === 'own' && (
        <fieldset className="flex flex-col gap-3">
          <legend className="sr-only">{t('policy.own')}</legend>
          {(policy ?? []).map((tier, index) => (
            <div
              key={index}
              role="group"
              aria-label={t('policy.step', { number: format.number(index + 1) })}
              className="flex flex-wrap items-end gap-2 max-sm:border-b max-sm:border-line max-sm:pb-3"
            >
              <div className="w-24">
                <TextField
                  label={t('policy.amount')}
                  inputMode="numeric"
                  maxLength={5}
                  value={tier.amount}
                  onChange={(typed) => change(index, { amount: typed.target.value })}
                />
              </div>
              <div className="w-40">
                <Select label={t('policy.unit')} value={tier.unit} onChange={(picked) => change(index, { unit: picked.target.value as PolicyTier['unit'] })}>
                  <option value="hours">{t('policy.hours')}</option>
                  <option value="days">{t('policy.days')}</option>
                </Select>
              </div>
              <div className="w-28">
                <TextField
                  label={t('policy.percent')}
                  inputMode="numeric"
                  maxLength={3}
                  value={tier.percent}
                  onChange={(typed) => change(index, { percent: typed.target.value })}
                />
              </div>
              <button
                type="button"
                aria-label={t('policy.remove', { number: format.number(index + 1) })}
                title={t('policy.remove', { number: format.number(index + 1) })}
                onClick={() => onChange((policy ?? []).filter((_, at) => at !== index))}
                className="min-h-11 cursor-pointer rounded-lg p-2.5 text-bad hover:bg-bad-soft"
              >
                <Trash2 aria-hidden className="size-5" />
              </button>
            </div>
          ))}
          {(policy?.length ?? 0) < MOST && (
            <Button look="quiet" className="self-start" onClick={() => onChange([...(policy ?? []), { amount: '2', unit: 'hours', percent: '25' }])}>
              <Plus aria-hidden className="size-5" />
              {t('policy.add')}
            </Button>
          )}
          {error && <p role="alert" className="text-sm font-medium text-bad">{error}</p>}
        </fieldset>
      )}
      <div className="rounded-xl bg-sunken p-4">
        <p className="pb-2 text-sm font-semibold text-muted">{t('policy.preview')}</p>
        {policy === null && <p>{t('policy.usualText')}</p>}
        {policy !== null && policyProblem(policy) === null && <CancellationPolicy tiers={policy.map(refundTier)} event={latest} />}
      </div>
    </>
  );
}
