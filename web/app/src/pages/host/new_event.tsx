/** A new event, or a copy of one (`?from=`) a week later. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router';
import { api, call } from '../../api/client';
import { useCommand } from '../../api/command';
import { useSession } from '../../session/session';
import { ErrorNotice } from '../../ui/notice';
import { Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { useToast } from '../../ui/toast';
import { deviceTimeZone } from '../account/time_zones';
import { dropDraft } from './drafts';
import { EventForm, type SavePart } from './event_form';
import { emptyValues, type EventValues, toNewEvent, valuesOf } from './event_values';
import { eventIdOf, fetchBasis, forgetEvent } from './queries';
import { later, nextWeek } from './zoned_times';

function copyOf(values: EventValues): EventValues {
  const shift = nextWeek(values.start, values.time_zone);
  return { ...values, start: later(values.start, shift), end: later(values.end, shift), is_active: true };
}

export default function NewEvent() {
  const { t } = useTranslation('host');
  const [params] = useSearchParams();
  const from = eventIdOf(params.get('from'));
  const { profile } = useSession();
  // A new one begins with what the latest was like.
  const { data, error, refetch } = useQuery({
    queryKey: ['host', 'event', 'new', from],
    queryFn: async ({ signal }): Promise<EventValues> => {
      if (from) return copyOf((await fetchBasis(from, { signal })).values);
      const { events } = await call(api.GET('/facilitator/events', { params: { query: { sort: '-created', limit: 1 } }, signal }));
      const latest = events[0] ? valuesOf(events[0]) : null;
      const zone = profile && profile.time_zone !== 'UTC' ? profile.time_zone : deviceTimeZone();
      if (!latest) return { ...emptyValues, time_zone: zone };
      const { time_zone, currency, language, event_type } = latest;
      return { ...emptyValues, time_zone, currency, language, event_type };
    },
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  return (
    <Page title={t(from ? 'new.copy' : 'new.title')} lead={from ? t('new.copyLead') : t('new.lead')}>
      {!data && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading className="h-64 w-full rounded-2xl" />}
      {data && profile && <Shown key={from ?? 0} values={data} draftKey={`${profile.id}.${from ? `copy-${from}` : 'new'}`} />}
    </Page>
  );
}

function Shown({ values, draftKey }: { values: EventValues; draftKey: string }) {
  const { t } = useTranslation('host');
  const navigate = useNavigate();
  const client = useQueryClient();
  const say = useToast();
  const publish = useCommand(({ values: typed }: SavePart, headers) => call(api.POST('/events', { body: toNewEvent(typed), headers })), {
    onSuccess: async ({ event }) => {
      dropDraft(draftKey);
      await forgetEvent(client, event.id);
      say(t(event.is_active ? 'new.published' : 'new.kept'));
      void navigate(`/app/host/events/${event.id}`, { replace: true });
    },
  });
  return <EventForm isNew start={{ values, etag: null }} draftKey={draftKey} save={publish} onCancel={() => void navigate(-1)} />;
}
