/** Processes and queues as they are now. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, call } from '../../api/client';
import { useFormat } from '../../i18n/format';
import { Figure, Figures } from '../../ui/figures';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Badge, Page } from '../../ui/page';
import { Loading } from '../../ui/skeleton';
import { Cell, Table } from '../../ui/table';

const EVERY_MS = 2000;

export default function Processes() {
  const { t } = useTranslation('admin');
  const format = useFormat();
  const query = useQuery({ queryKey: ['admin', 'processes'], queryFn: ({ signal }) => call(api.GET('/admin/processes', { signal })), refetchInterval: EVERY_MS });
  const now = query.data;
  const ms = (value: number | null | undefined) => (value == null ? '–' : t('processes.ms', { value: format.number(value, { maximumFractionDigits: 1 }) }));
  const since = (lasting: number | null | undefined) => (lasting == null ? '–' : format.relative(Date.now() - lasting));
  return (
    <Page wide title={t('processes.title')} lead={t('processes.lead')}>
      <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading count={4} />}
      {now && (
        <>
          <Figures>
            <Figure label={t('processes.connections')} value={format.number(now.gateway.connections)} hint={t('processes.gateway', { name: now.gateway.name, since: since(now.gateway.uptime_ms) })} />
            <Figure label={t('processes.sockets')} value={format.number(now.gateway.sockets + now.gateway.streams)} />
            <Figure label={t('processes.waiting')} value={format.number(now.services.reduce((sum, service) => sum + service.queued, 0))} />
            <Figure label={t('processes.workers')} value={format.number(now.services.reduce((sum, service) => sum + service.workers, 0))} />
          </Figures>
          {!now.gateway.redis && <Notice kind="warn" title={t('processes.noRedis')} />}
          {now.brokers.some((broker) => broker.poisoned.length > 0) && <Notice kind="warn" title={t('processes.poisoned')} />}
          <h2 className="text-xl font-semibold">{t('processes.services')}</h2>
          <Table
            hideCaption
            caption={t('processes.services')}
            head={[t('processes.service'), t('processes.workers'), t('processes.queued'), t('processes.inFlight'), t('processes.answered'), t('processes.refused'), 'p50', 'p99']}
            numbers={[1, 2, 3, 4, 5, 6, 7]}
          >
            {now.services.map((service) => (
              <tr key={service.service}>
                <Cell heads>
                  {service.service}
                </Cell>
                <Cell number>{service.workers > 0 ? format.number(service.workers) : <Badge tone="bad">{t('processes.none')}</Badge>}</Cell>
                <Cell number>{format.number(service.queued)}</Cell>
                <Cell number>{format.number(service.in_flight)}</Cell>
                <Cell number>{format.number(service.answered)}</Cell>
                <Cell number>{format.number(service.refused)}</Cell>
                <Cell number>{ms(service.p50_ms)}</Cell>
                <Cell number>{ms(service.p99_ms)}</Cell>
              </tr>
            ))}
          </Table>
          <h2 className="text-xl font-semibold">{t('processes.brokers')}</h2>
          <Table hideCaption caption={t('processes.brokers')} head={[t('processes.broker'), t('processes.state'), t('processes.version'), t('processes.started')]}>
            {now.brokers.map((broker) => (
              <tr key={broker.broker}>
                <Cell heads className="font-mono text-sm break-all">
                  {broker.broker}
                </Cell>
                <Cell>
                  <Badge tone={broker.state === 'ok' ? 'good' : 'bad'}>{t(`processes.brokerState.${broker.state}`)}</Badge>
                </Cell>
                <Cell>{broker.version ?? '–'}</Cell>
                <Cell>{since(broker.uptime_ms)}</Cell>
              </tr>
            ))}
          </Table>
          <h2 className="text-xl font-semibold">{t('processes.workers')}</h2>
          <Table hideCaption caption={t('processes.workers')} head={[t('processes.service'), t('processes.worker'), t('processes.inFlight'), t('processes.credit'), t('processes.heard'), t('processes.started')]} numbers={[2, 3]}>
            {now.workers.map((worker) => (
              <tr key={`${worker.broker} ${worker.id}`}>
                <Cell>{worker.service}</Cell>
                <Cell className="font-mono text-sm">
                  {worker.id} {worker.draining && <Badge tone="warn">{t('processes.draining')}</Badge>}
                </Cell>
                <Cell number>{format.number(worker.in_flight)}</Cell>
                <Cell number>{format.number(worker.credit)}</Cell>
                <Cell>{since(worker.silent_ms)}</Cell>
                <Cell>{since(worker.age_ms)}</Cell>
              </tr>
            ))}
          </Table>
        </>
      )}
    </Page>
  );
}
