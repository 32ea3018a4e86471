/** What one can say of an endpoint. */
import type { UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { Checkbox, Select, TextField } from '../../ui/field';

type Type = Schemas['LogType'];

export type EndpointValues = { url: string; description: string; types: Type[]; signature: 'hmac' | 'ed25519' | 'both'; timeout_s: number };

export const newEndpoint: EndpointValues = { url: '', description: '', types: [], signature: 'hmac', timeout_s: 15 };
export const ownFields = ['url', 'description', 'types', 'signature', 'timeout_s'] as const;

/** All that there are: settings that named another would lose it here. */
const ALL: Record<Type, true> = {
  'booking.created': true, 'booking.confirmed': true, 'booking.cancelled': true, 'booking.expired': true, 'booking.checked_in': true,
  'booking.check_in_undone': true, 'payment.captured': true, 'payment.refunded': true, 'event.created': true, 'event.updated': true,
  'event.cancelled': true, 'waitlist.offered': true, 'waitlist.lapsed': true,
};
const TYPES = Object.keys(ALL) as Type[];

export function toRequest({ description, ...rest }: EndpointValues) {
  return { ...rest, description: description.trim() || null };
}

export function EndpointFields({ form }: { form: UseFormReturn<EndpointValues> }) {
  const { t } = useTranslation('webhooks');
  const { register, formState: { errors } } = form;
  return (
    <>
      <TextField type="url" label={t('url')} hint={t('urlHint')} placeholder="https://crm.example.com/tithi" autoComplete="url" error={errors.url?.message} {...register('url', { required: t('urlNeeded') })} />
      <TextField optional label={t('description')} maxLength={200} error={errors.description?.message} {...register('description')} />
      <fieldset className="flex flex-col gap-1">
        <legend className="pb-1 font-medium">{t('which')}</legend>
        <p className="text-sm text-muted">{t('whichHint')}</p>
        <div className="grid gap-x-4 sm:grid-cols-2">
          {TYPES.map((type) => (
            <Checkbox key={type} label={<span className="font-mono text-sm">{type}</span>} value={type} {...register('types')} />
          ))}
        </div>
        {errors.types?.message && <p className="text-sm font-medium text-bad">{errors.types.message}</p>}
      </fieldset>
      <div className="grid gap-4 sm:grid-cols-2">
        <Select label={t('signature')} error={errors.signature?.message} {...register('signature')}>
          <option value="hmac">HMAC-SHA256</option>
          <option value="ed25519">Ed25519</option>
          <option value="both">{t('both')}</option>
        </Select>
        <TextField type="number" min={1} max={30} label={t('timeout')} error={errors.timeout_s?.message} {...register('timeout_s', { valueAsNumber: true })} />
      </div>
    </>
  );
}
