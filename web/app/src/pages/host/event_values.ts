/** An event as its form holds it, and what that means to the API. */
import type { Schemas } from '../../api/client';
import type { paths } from '../../api/schema';
import { toInstant, toLocal } from './zoned_times';

type Event = Schemas['Event'];
type Body<Operation> = Operation extends { requestBody: { content: { 'application/json': infer Content } } } ? Content : never;
export type NewEvent = Body<paths['/events']['post']>;
export type EventChange = Body<paths['/events/{event_id}']['put']>;

export type PolicyTier = { amount: string; unit: 'hours' | 'days'; percent: string };

export type EventValues = {
  title: string;
  event_type: string;
  language: string;
  description: string;
  /** As clocks there show it. */
  start: string;
  end: string;
  time_zone: string;
  location: string;
  virtual_link: string;
  unlimited: boolean;
  places: string;
  price: string;
  currency: string;
  /** null: what the site does unless told otherwise. */
  policy: PolicyTier[] | null;
  reminders: number[];
  is_active: boolean;
};

export const FIELDS = [
  'title', 'event_type', 'language', 'description', 'start', 'end', 'time_zone', 'location', 'virtual_link', 'unlimited', 'places', 'price', 'currency',
  'policy', 'reminders', 'is_active',
] as const satisfies (keyof EventValues)[];

/** What people who have booked are mailed about when it changes. */
export const TOLD = ['title', 'start', 'end', 'time_zone', 'location', 'virtual_link'] as const satisfies (keyof EventValues)[];

/** Fields that the API names otherwise. */
const FIELD_OF: Record<string, keyof EventValues> = {
  start_datetime: 'start', end_datetime: 'end', max_participants: 'places', cancellation_policy: 'policy', reminder_minutes: 'reminders',
};

/** Complaints of the API by the form's own names. */
export function complaintsByField(details: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).map(([name, reason]) => [FIELD_OF[name] ?? name, reason]));
}

export const emptyValues: EventValues = {
  title: '', event_type: 'session', language: '', description: '', start: '', end: '', time_zone: 'UTC', location: '', virtual_link: '', unlimited: false,
  places: '12', price: '0', currency: 'INR', policy: null, reminders: [1440, 60], is_active: true,
};

export function tierOf({ hours_before: hours, refund_percent: percent }: Schemas['RefundTier']): PolicyTier {
  const days = hours > 0 && hours % 24 === 0;
  return { amount: String(days ? hours / 24 : hours), unit: days ? 'days' : 'hours', percent: String(percent) };
}

export function refundTier({ amount, unit, percent }: PolicyTier): Schemas['RefundTier'] {
  return { hours_before: Number(amount) * (unit === 'days' ? 24 : 1), refund_percent: Number(percent) };
}

export function valuesOf(event: Event): EventValues {
  return {
    title: event.title,
    event_type: event.event_type,
    language: event.language ?? '',
    description: event.description ?? '',
    start: toLocal(event.start_datetime, event.time_zone),
    end: event.end_datetime ? toLocal(event.end_datetime, event.time_zone) : '',
    time_zone: event.time_zone,
    location: event.location ?? '',
    virtual_link: event.virtual_link ?? '',
    unlimited: event.max_participants === null,
    places: String(event.max_participants ?? emptyValues.places),
    price: String(event.price),
    currency: event.currency,
    policy: event.cancellation_policy?.map(tierOf) ?? null,
    reminders: [...(event.reminder_minutes ?? [])].sort((a, b) => b - a),
    is_active: event.is_active,
  };
}

/** Times must be some; the form sees to that. */
export function toNewEvent(values: EventValues): NewEvent {
  const time = (local: string) => toInstant(local, values.time_zone)?.toISOString();
  return {
    title: values.title.trim(),
    event_type: values.event_type.trim(),
    language: values.language || null,
    description: values.description.trim() || null,
    start_datetime: time(values.start) ?? '',
    end_datetime: values.end ? (time(values.end) ?? null) : null,
    time_zone: values.time_zone,
    location: values.location.trim() || null,
    virtual_link: values.virtual_link.trim() || null,
    max_participants: values.unlimited ? null : Number(values.places),
    price: Number(values.price || 0),
    currency: values.currency,
    cancellation_policy: Number(values.price) > 0 ? (values.policy?.map(refundTier) ?? null) : null, // it is about money
    reminder_minutes: values.reminders,
    is_active: values.is_active,
  };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function changedFields(values: EventValues, base: EventValues): (keyof EventValues)[] {
  return FIELDS.filter((field) => !same(values[field], base[field]));
}

/** Only what differs, so that the rest stays as it is; an amount goes with its currency. */
export function toChange(values: EventValues, base: EventValues): EventChange {
  const before = toNewEvent(base) as Record<string, unknown>;
  const entries = Object.entries(toNewEvent(values)).filter(([name, value]) => !same(value, before[name]));
  const change = Object.fromEntries(entries) as EventChange;
  if (change.price !== undefined || change.currency !== undefined) Object.assign(change, { price: Number(values.price || 0), currency: values.currency });
  return change;
}

/** The newest, with what was typed on top of `base`. */
export function merged(values: EventValues, base: EventValues, newest: EventValues): EventValues {
  return { ...newest, ...Object.fromEntries(changedFields(values, base).map((field) => [field, values[field]])) };
}

/** What is wrong with a policy, by its key among the words; null: nothing. */
export function policyProblem(tiers: PolicyTier[] | null): 'whole' | 'percent' | 'twice' | 'order' | null {
  const whole = (text: string, most: number) => /^\d{1,5}$/.test(text.trim()) && Number(text) <= most;
  for (const { amount, unit, percent } of tiers ?? []) {
    if (!whole(amount, unit === 'days' ? 3650 : 87_600)) return 'whole';
    if (!whole(percent, 100)) return 'percent';
  }
  const ordered = (tiers ?? []).map(refundTier).sort((a, b) => b.hours_before - a.hours_before);
  for (const [index, tier] of ordered.entries()) {
    const earlier = ordered[index - 1];
    if (earlier?.hours_before === tier.hours_before) return 'twice';
    if (earlier && earlier.refund_percent < tier.refund_percent) return 'order';
  }
  return null;
}
