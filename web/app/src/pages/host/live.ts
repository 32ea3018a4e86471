/** What happens at one's events, as it happens: a WebSocket that connects by itself, again and again, and acknowledges what it has heard. */
import { type InfiniteData, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { api, ApiError, call } from '../../api/client';
import { usePages } from '../../api/pages';
import { playChime } from './chime';

export type Notification = { seq: number; type: string; time: string; read: boolean; read_at: string | null; data: NotificationData };
/** The parts of the webhook's body that are shown. */
export type NotificationData = {
  booking_id?: number; event_id?: number; user?: { name: string }; event?: { id: number; title: string }; title?: string; amount?: number; currency?: string;
};
export type InboxPage = { notifications: Notification[]; unread_count: number; acknowledged: number; next: string | null };
type Connection = 'connecting' | 'online' | 'offline';

const INBOX = ['inbox'];
const PATIENCE_MS = [1000, 2000, 5000, 10_000, 30_000];
/** RFC 6455: closed because the session has ended. */
const POLICY_VIOLATION = 1008;

/** What others did: one's own changes and the door's work are no news to who does them. */
export function isNews({ type }: Pick<Notification, 'type'>): boolean {
  return !type.startsWith('event.') && !type.startsWith('booking.check');
}

/** After so many failed attempts in a row the next one waits so long, give or take a fifth: not everybody at once after an outage. */
export function waitBeforeAttempt(failures: number, chance = Math.random()): number {
  return Math.round(PATIENCE_MS[Math.min(failures, PATIENCE_MS.length) - 1]! * (0.8 + 0.4 * chance));
}

/** A message puts itself at the head of the list, once: after a new connection the same may come again. */
export function withNotification(data: InfiniteData<InboxPage> | undefined, heard: Notification): InfiniteData<InboxPage> | undefined {
  const [first, ...rest] = data?.pages ?? [];
  if (!data || !first || data.pages.some((page) => page.notifications.some((each) => each.seq === heard.seq))) return data;
  return { ...data, pages: [{ ...first, notifications: [heard, ...first.notifications], unread_count: first.unread_count + (heard.read ? 0 : 1) }, ...rest] };
}

let connection: Connection = 'connecting';
const listeners = new Set<() => void>();

function tell(now: Connection) {
  connection = now;
  listeners.forEach((listener) => listener());
}

export function useConnection(): Connection {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => connection);
}

export function useInbox(unread?: boolean) {
  return usePages<InboxPage>(unread ? [...INBOX, 'unread'] : INBOX, async (after, signal) => (await call(api.GET('/inbox', { params: { query: { after, unread } }, signal }))) as unknown as InboxPage);
}

export function useMarkRead() {
  const client = useQueryClient();
  return async (change: { up_to?: number; seqs?: number[]; read?: boolean }) => {
    await call(api.POST('/inbox/read', { body: { read: true, ...change } }));
    await client.invalidateQueries({ queryKey: INBOX });
  };
}

/** Keeps the connection while somebody uses it. `onHeard` is told of what is new. */
export function useLive(onHeard: (notification: Notification) => void) {
  const client = useQueryClient();
  const latest = useRef(onHeard); // another listener is no reason to connect again
  useEffect(() => {
    latest.current = onHeard;
  });
  useEffect(() => connect(client, (notification) => latest.current(notification)), [client]);
}

function connect(client: QueryClient, onHeard: (notification: Notification) => void): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let over = false;

  const again = () => {
    if (over) return;
    failures += 1;
    tell('offline');
    clearTimeout(timer);
    timer = setTimeout(() => void open(), waitBeforeAttempt(failures));
  };

  const open = async () => {
    try {
      tell('connecting');
      const { ticket } = await call(api.POST('/ws/ticket'));
      if (over) return;
      socket = new WebSocket(`${window.location.origin.replace(/^http/, 'ws')}/ws?ticket=${encodeURIComponent(ticket)}`);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return tell('offline'); // signed out
      return again();
    }
    socket.onopen = () => {
      failures = 0;
      tell('online');
      void client.invalidateQueries({ queryKey: INBOX }); // what another tab has acknowledged is not sent again
    };
    socket.onmessage = ({ data }) => {
      const told = JSON.parse(String(data)) as Omit<Notification, 'read' | 'read_at'>;
      const heard = { ...told, read: told.type.startsWith('booking.check'), read_at: null }; // what happens at the door is read from the start
      client.setQueryData<InfiniteData<InboxPage>>(INBOX, (now) => withNotification(now, heard));
      void client.invalidateQueries({ queryKey: [...INBOX, 'unread'] });
      socket?.send(JSON.stringify({ ack: heard.seq }));
      onHeard(heard);
      if (isNews(heard)) playChime(heard.seq);
    };
    socket.onclose = ({ code }) => {
      if (code === POLICY_VIOLATION) tell('offline');
      else again();
    };
  };

  const atOnce = () => {
    if (socket?.readyState === WebSocket.OPEN || socket?.readyState === WebSocket.CONNECTING) return;
    failures = 0;
    clearTimeout(timer);
    void open();
  };
  window.addEventListener('online', atOnce);
  void open();
  return () => {
    over = true;
    clearTimeout(timer);
    window.removeEventListener('online', atOnce);
    socket?.close();
  };
}
