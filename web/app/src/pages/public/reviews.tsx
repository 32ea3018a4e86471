/** What people say of an event, and what the reader says of it. */
import { type InfiniteData, useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { useSession } from '../../session/session';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/dialog';
import { useErrorSentence } from '../../ui/errors';
import { type Event, hasBegun } from '../../ui/event_card';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Stars } from '../../ui/stars';
import { useToast } from '../../ui/toast';
import type { OwnBooking } from './use_own_booking';

const ReviewForm = lazy(() => import('./review_form'));

export type Review = Schemas['Review'];
type ReviewPage = { reviews: Review[]; rating: number | null; count: number; own?: Review; next: string | null };

export function reviewsKey(eventId: number) {
  return ['reviews', eventId];
}

export default function Reviews({ event, own }: { event: Event; own: OwnBooking }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  const { profile, isAdmin } = useSession();
  const [writing, setWriting] = useState(false);
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: reviewsKey(event.id),
    queryFn: ({ signal, pageParam: after }): Promise<ReviewPage> =>
      call(api.GET('/events/{event_id}/reviews', { params: { path: { event_id: event.id }, query: after ? { after } : {} }, signal })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
    enabled: event.review_count > 0,
  });
  const first = data?.pages[0];
  const reviews = data?.pages.flatMap((page) => page.reviews) ?? [];
  const mine = first?.own ?? null;
  const attended = own.booking ? own.booking.status !== 'pending' : !own.certain;
  const may = !!profile && hasBegun(event) && profile.id !== event.facilitator.id && (mine !== null || attended);
  return (
    <Card
      title={<span id="reviews">{t('reviews.title')}</span>}
      actions={
        may && !mine && !writing && !(isPending && event.review_count > 0) && (
          <Button look="secondary" onClick={() => setWriting(true)}>
            {t('reviews.write')}
          </Button>
        )
      }
    >
      {writing && (
        <Suspense fallback={<Loading count={1} className="h-56 w-full" />}>
          <ReviewForm event={event} review={mine} done={() => setWriting(false)} />
        </Suspense>
      )}
      <ErrorNotice error={error} onRetry={() => void refetch()} />
      {isPending && event.review_count > 0 && !error && <Loading count={2} />}
      {event.review_count === 0 && !writing && <p className="text-muted">{t(may ? 'reviews.beFirst' : 'reviews.none')}</p>}
      {first && first.rating !== null && <Summary rating={first.rating} count={first.count} all={hasNextPage ? null : reviews} />}
      {mine && !writing && <OwnReview event={event} review={mine} edit={() => setWriting(true)} />}
      <ul className="flex flex-col divide-y divide-line">
        {reviews.filter((review) => !review.mine).map((review) => (
          <li key={review.id} className="flex flex-col gap-1.5 py-4">
            <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <Stars rating={review.rating} />
              <span className="font-semibold" dir="auto">{review.author ?? t('reviews.gone')}</span>
              <time dateTime={review.created_at} className="text-sm text-muted">{format.shortDay(review.created_at)}</time>
              {isAdmin && <Moderate event={event} review={review} />}
            </div>
            {review.text && <p dir="auto" className="max-w-prose break-words whitespace-pre-line">{review.text}</p>}
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <Button look="secondary" className="self-center" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t('common:more')}
        </Button>
      )}
    </Card>
  );
}

/** `all` is null while not all have been fetched: then nobody knows how they are spread. */
function Summary({ rating, count, all }: { rating: number; count: number; all: Review[] | null }) {
  const { t } = useTranslation('public');
  const format = useFormat();
  return (
    <div className="flex flex-wrap items-center gap-x-8 gap-y-4">
      <div className="flex flex-col gap-1">
        <p className="font-display text-5xl font-semibold">{format.number(rating, { minimumFractionDigits: 1 })}</p>
        <Stars rating={rating} className="h-5" />
        <p className="text-muted">{t('reviews.count', { count })}</p>
      </div>
      {all && (
        <table className="min-w-0 flex-1 basis-56">
          <caption className="sr-only">{t('reviews.spread')}</caption>
          <tbody>
            {[5, 4, 3, 2, 1].map((stars) => {
              const some = all.filter((review) => review.rating === stars).length;
              return (
                <tr key={stars}>
                  <th scope="row" className="w-0 pe-3 text-start font-normal whitespace-nowrap">
                    {format.number(stars)} <span aria-hidden className="text-accent">★</span>
                    <span className="sr-only">{t('stars', { rating: format.number(stars) })}</span>
                  </th>
                  <td>
                    <span aria-hidden className="block h-2.5 overflow-hidden rounded-full bg-sunken">
                      <span className="block h-full rounded-full bg-accent" style={{ width: `${(100 * some) / Math.max(1, all.length)}%` }} />
                    </span>
                  </td>
                  <td className="w-10 ps-3 text-end text-muted tabular-nums">{format.number(some)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </div>
  );
}

/** After a change the event's own figures are asked for again as well. */
export function useRefreshReviews(event: Event) {
  const client = useQueryClient();
  return () => Promise.all([client.invalidateQueries({ queryKey: ['event', event.id] }), client.invalidateQueries({ queryKey: reviewsKey(event.id) })]);
}

function OwnReview({ event, review, edit }: { event: Event; review: Review; edit: () => void }) {
  const { t } = useTranslation('public');
  const client = useQueryClient();
  const say = useToast();
  const sentence = useErrorSentence();
  const refresh = useRefreshReviews(event);
  const path = { path: { event_id: event.id } };
  const putBack = useMutation({
    mutationFn: () =>
      call(
        api.PUT('/events/{event_id}/review', {
          params: path,
          body: { rating: review.rating, text: review.text },
          headers: { 'Idempotency-Key': newIdempotencyKey() },
        }),
      ),
    onError: (error) => say(sentence(error)),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: () => call(api.DELETE('/events/{event_id}/review', { params: path, headers: { 'Idempotency-Key': newIdempotencyKey() } })),
    onMutate: () =>
      client.setQueryData<InfiniteData<ReviewPage>>(reviewsKey(event.id), (data) =>
        data && { ...data, pages: data.pages.map(({ own: _, ...page }) => ({ ...page, reviews: page.reviews.filter(({ mine }) => !mine) })) }),
    onSuccess: () => say(t('reviews.deleted'), () => putBack.mutate()),
    onError: (error) => say(sentence(error)),
    onSettled: refresh,
  });
  return (
    <div className="flex flex-col gap-2 rounded-xl bg-sunken p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold">{t('reviews.yours')}</h3>
        <Stars rating={review.rating} />
      </div>
      {review.text && <p dir="auto" className="break-words whitespace-pre-line">{review.text}</p>}
      <div className="flex flex-wrap gap-2">
        <Button look="secondary" onClick={edit}>{t('common:edit')}</Button>
        <Button look="danger" busy={remove.isPending} onClick={() => remove.mutate()}>{t('common:delete')}</Button>
      </div>
    </div>
  );
}

/** Administrators take down what should not stand there. */
function Moderate({ event, review }: { event: Event; review: Review }) {
  const { t } = useTranslation('public');
  const [asking, setAsking] = useState(false);
  const refresh = useRefreshReviews(event);
  const remove = useMutation({
    mutationFn: () =>
      call(
        api.DELETE('/admin/reviews/{review_id}', {
          params: { path: { review_id: review.id } },
          headers: { 'Idempotency-Key': newIdempotencyKey() },
        }),
      ),
    onSuccess: () => {
      setAsking(false);
      return refresh();
    },
  });
  return (
    <>
      <button
        type="button"
        aria-label={t('reviews.takeDown')}
        title={t('reviews.takeDown')}
        onClick={() => setAsking(true)}
        className="ms-auto cursor-pointer rounded-lg p-2.5 text-bad hover:bg-bad-soft"
      >
        <Trash2 aria-hidden className="size-5" />
      </button>
      <ConfirmDialog
        open={asking}
        title={t('reviews.takeDownAsk')}
        confirm={t('common:delete')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setAsking(false)}
      >
        <p>{t('reviews.takeDownText')}</p>
      </ConfirmDialog>
    </>
  );
}
