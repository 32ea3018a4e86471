import { useMutation } from '@tanstack/react-query';
import { useEffect, useId, useRef } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, call, newIdempotencyKey } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { Button } from '../../ui/button';
import { setFieldErrors } from '../../ui/errors';
import type { Event } from '../../ui/event_card';
import { TextArea } from '../../ui/field';
import { ErrorNotice } from '../../ui/notice';
import { useToast } from '../../ui/toast';
import { type Review, useRefreshReviews } from './reviews';

const LONGEST = 2000;

type Values = { rating: string; text: string };

export default function ReviewForm({ event, review, done }: { event: Event; review: Review | null; done: () => void }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const say = useToast();
  const refresh = useRefreshReviews(event);
  const rated = useId();
  const intent = useRef({ body: '', key: '' });
  const { register, handleSubmit, watch, setError, setFocus, formState: { errors } } = useForm<Values>({
    defaultValues: { rating: review ? String(review.rating) : '', text: review?.text ?? '' },
  });
  useEffect(() => setFocus('rating'), [setFocus]);
  const save = useMutation({
    mutationFn: ({ rating, text }: Values) => {
      const body = { rating: Number(rating), text: text.trim() || null };
      const said = JSON.stringify(body);
      if (intent.current.body !== said) intent.current = { body: said, key: newIdempotencyKey() };
      return call(api.PUT('/events/{event_id}/review', { params: { path: { event_id: event.id } }, body, headers: { 'Idempotency-Key': intent.current.key } }));
    },
    onSuccess: async () => {
      await refresh();
      say(t('reviews.thanks'));
      done();
    },
    onError: (error) => void setFieldErrors<Values>(error, ['rating', 'text'], setError),
  });
  const { rating, text } = watch();
  return (
    <form noValidate onSubmit={handleSubmit((values) => save.mutate(values))} className="flex flex-col gap-4 rounded-xl bg-sunken p-4">
      <fieldset aria-describedby={errors.rating ? rated : undefined}>
        <legend className="font-medium">{t('reviews.howWasIt')}</legend>
        <div className="flex">
          {[1, 2, 3, 4, 5].map((stars) => (
            <label
              key={stars}
              className="relative cursor-pointer rounded-lg p-2 text-3xl leading-none has-focus-visible:outline-3 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                value={stars}
                {...register('rating', { required: t('reviews.choose') })}
                className="absolute inset-0 cursor-pointer opacity-0"
              />
              <span aria-hidden className={stars <= Number(rating) ? 'text-accent' : 'text-muted'}>{stars <= Number(rating) ? '★' : '☆'}</span>
              <span className="sr-only">{t('stars', { rating: format.number(stars) })}</span>
            </label>
          ))}
        </div>
        {errors.rating && <p id={rated} role="alert" className="text-sm font-medium text-bad">{errors.rating.message}</p>}
      </fieldset>
      <TextArea
        optional
        label={t('reviews.text')}
        hint={t('reviews.textHint', { left: format.number(LONGEST - text.length) })}
        error={errors.text?.message}
        maxLength={LONGEST}
        rows={5}
        {...register('text')}
      />
      <ErrorNotice error={save.error} />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" busy={save.isPending}>{t('common:save')}</Button>
        <Button look="secondary" onClick={done}>{t('common:cancel')}</Button>
      </div>
    </form>
  );
}
