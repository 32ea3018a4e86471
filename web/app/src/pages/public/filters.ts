/** What browse shows, as its query string says it: so that links lead there and the back button leads back. */
import type { paths } from '../../api/schema';
import { DAY } from '../../ui/days';

export type EventQuery = NonNullable<paths['/events']['get']['parameters']['query']>;

export const SORTS = ['start', 'price', '-price', '-rating', '-created'] as const;
export const RATINGS = ['3', '4', '4.5'] as const;
/** That events are held in, as far as one can choose here; any other may stand in a link. */
export const EVENT_LANGUAGES = [
  'en', 'hi', 'bn', 'gu', 'kn', 'ml', 'mr', 'pa', 'ta', 'te', 'ur', 'ar', 'de', 'es', 'fr', 'it', 'ja', 'ko', 'nl', 'pt', 'ru', 'zh',
] as const;

export type Filters = {
  q: string;
  type: string;
  /** Days, 2026-12-05. */
  from: string;
  to: string;
  online: '' | 'true' | 'false';
  place: string;
  price_min: string;
  price_max: string;
  rating: string;
  language: string;
  sort: (typeof SORTS)[number];
  view: 'list' | 'calendar';
  /** Of the calendar: 2026-12, and the day whose events are shown. */
  month: string;
  day: string;
};

export const NO_FILTERS: Filters = {
  q: '', type: '', from: '', to: '', online: '', place: '', price_min: '', price_max: '', rating: '', language: '',
  sort: 'start', view: 'list', month: '', day: '',
};

const MONTH = /^(19|20|21)\d\d-(0[1-9]|1[0-2])$/;
const AMOUNT = /^\d{1,8}(\.\d{1,2})?$/;
const TEXT = /^.{1,200}$/u;

const forms: Record<keyof Filters, RegExp> = {
  q: TEXT,
  type: /^.{1,64}$/u,
  from: DAY,
  to: DAY,
  online: /^(true|false)$/,
  place: TEXT,
  price_min: AMOUNT,
  price_max: AMOUNT,
  rating: /^([0-4](\.\d)?|5)$/,
  language: /^[a-z]{2,3}$/,
  sort: new RegExp(`^(${SORTS.join('|')})$`),
  view: /^(list|calendar)$/,
  month: MONTH,
  day: DAY,
};

const names = Object.keys(NO_FILTERS) as (keyof Filters)[];

/** What makes no sense is left out: somebody's link should show something. */
export function readFilters(query: URLSearchParams): Filters {
  const read = names.map((name) => [name, query.get(name)?.trim()] as const).filter(([name, text]) => text && forms[name].test(text));
  return { ...NO_FILTERS, ...Object.fromEntries(read) };
}

/** Only what differs from the usual, so that addresses stay short. */
export function writeFilters(filters: Filters): URLSearchParams {
  return new URLSearchParams(names.filter((name) => filters[name] !== NO_FILTERS[name]).map((name) => [name, filters[name]]));
}

/** Midnight of the reader's day, so many days later. */
export function startOfDay(day: string, later = 0): Date {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number];
  return new Date(year, month - 1, date + later);
}

/** Five minutes of people ask the same, which costs the server one look. */
function now(): string {
  return new Date(Math.floor(Date.now() / 300_000) * 300_000).toISOString();
}

/** What the list and the calendar have in common. */
export function searchQuery(filters: Filters): EventQuery {
  return {
    active: true,
    ...(filters.q && { q: filters.q }),
    ...(filters.type && { type: filters.type }),
    ...(filters.online && { online: filters.online === 'true' }),
    ...(filters.place && { place: filters.place }),
    ...(filters.price_min && { price_min: Number(filters.price_min) }),
    ...(filters.price_max && { price_max: Number(filters.price_max) }),
    ...(filters.rating && { rating: Number(filters.rating) }),
    ...(filters.language && { language: filters.language }),
  };
}

/** What has begun is not shown, unless a day is asked for. */
export function listQuery(filters: Filters): EventQuery {
  return {
    ...searchQuery(filters),
    from: filters.from ? startOfDay(filters.from).toISOString() : now(),
    ...(filters.to && { to: startOfDay(filters.to, 1).toISOString() }),
    ...(filters.sort !== 'start' && { sort: filters.sort }),
  };
}

export const FREE = '0';

/** How many filters narrow the list; the search stands beside and is not counted. */
export function filterCount(filters: Filters): number {
  const given = (name: keyof Filters) => filters[name] !== '';
  const price = given('price_min') || given('price_max');
  const dates = filters.view === 'list' && (given('from') || given('to'));
  return [given('type'), dates, given('online'), given('place'), price, given('rating'), given('language')].filter(Boolean).length;
}

/** View and order stay. */
export function withoutFilters(filters: Filters): Filters {
  return { ...NO_FILTERS, sort: filters.sort, view: filters.view, month: filters.month };
}
