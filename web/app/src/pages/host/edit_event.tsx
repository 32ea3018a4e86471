/** An event of one's own, to be changed. Of two who do so at once nobody overwrites the other. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { api, ApiError, call, newIdempotencyKey, type Schemas } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { ButtonLink } from '../../ui/button';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Empty, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { dropDraft } from './drafts';
import { type Basis, EventForm, Overtaken, type SavePart } from './event_form';
import { changedFields, merged, toChange } from './event_values';
import { basisQuery, eventIdOf, fetchBasis, forgetEvent } from './queries';

const ATTEMPTS = 4;

/** An event's ETag also moves on with each booking: only what the form holds is somebody else's change. */
async function change(id: number, { values, basis }: SavePart, intent: string): Promise<void> {
  let { etag } = basis;
  let key = intent;
  for (let attempt = 1; ; attempt++) {
    try {
      const body = toChange(values, basis.values);
      const headers = { 'Idempotency-Key': key, ...(etag && { 'If-Match': etag }) };
      await call(api.PUT('/events/{event_id}', { params: { path: { event_id: id } }, body, headers }));
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 412 || attempt === ATTEMPTS) throw error;
      const newest = await fetchBasis(id);
      const arrived = changedFields(merged(values, basis.values, newest.values), newest.values).length === 0; // an answer got lost
      if (arrived) return;
      if (changedFields(newest.values, basis.values).length > 0) throw new Overtaken(newest);
      etag = newest.etag;
      key = newIdempotencyKey();
    }
  }
}

export default function EditEvent() {
  const { t } = useTranslation('host');
  const id = eventIdOf(useParams().eventId);
  const { profile } = useSession();
  const { data, error, refetch } = useQuery({ ...basisQuery(id ?? 0), enabled: id !== null });
  if (id === null || (error instanceof ApiError && error.status === 404) || (data && profile?.role !== 'admin' && data.event.facilitator.id !== profile?.id))
    return (
      <Page title={t('event.unknown')}>
        <Empty title={t('event.unknownText')} action={<ButtonLink to="/app/host/events">{t('nav.events')}</ButtonLink>} />
      </Page>
    );
  if (data?.event.status === 'cancelled')
    return (
      <Page title={t('edit.title')} lead={data.event.title}>
        <Notice kind="bad" title={t('edit.cancelled')} />
        <ButtonLink to={`/app/host/events/new?from=${id}`} className="self-start">{t('action.duplicate')}</ButtonLink>
      </Page>
    );
  return (
    <Page title={t('edit.title')} lead={data?.event.title}>
      {!data && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading className="h-64 w-full rounded-2xl" />}
      {data && profile && <Shown key={id} event={data.event} basis={{ values: data.values, etag: data.etag }} draftKey={`${profile.id}.${id}`} />}
    </Page>
  );
}

function Shown({ event, basis, draftKey }: { event: Schemas['Event']; basis: Basis; draftKey: string }) {
  const { t } = useTranslation('host');
  const navigate = useNavigate();
  const client = useQueryClient();
  const say = useToast();
  const page = `/app/host/events/${event.id}`;
  const save = useCommand((part: SavePart, headers) => change(event.id, part, headers['Idempotency-Key']), {
    onSuccess: async () => {
      dropDraft(draftKey);
      await forgetEvent(client, event.id);
      say(t('common:saved'));
      void navigate(page, { replace: true });
    },
  });
  return (
    <EventForm
      start={basis}
      draftKey={draftKey}
      booked={event.current_participants}
      taken={event.current_participants + event.places_offered}
      save={save}
      onCancel={() => void navigate(page)}
    />
  );
}
