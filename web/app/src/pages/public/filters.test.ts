import { describe, expect, test } from 'vitest';
import { filterCount, listQuery, NO_FILTERS, readFilters, searchQuery, startOfDay, withoutFilters, writeFilters } from './filters';

const read = (query: string) => readFilters(new URLSearchParams(query));

describe('query string', () => {
  test.each([
    '',
    'q=yoga',
    'q=yoga+am+Morgen&type=session&from=2026-12-05&to=2026-12-06&online=false&place=Berlin&price_min=5&price_max=20.50&rating=4.5&language=de&sort=-price',
    'view=calendar&month=2026-12&day=2026-12-05',
  ])('%s comes back as it was', (query) => {
    expect(writeFilters(read(query)).toString()).toBe(query);
  });

  test.each([
    'from=yesterday', 'from=2026-13-01', 'from=0002-12-05', 'online=maybe', 'price_max=-1', 'rating=6', 'language=english', 'sort=random', 'view=map',
    'q=', 'q=++', `q=${'x'.repeat(201)}`, 'unknown=1',
  ])('%s is left out', (query) => {
    expect(read(query)).toEqual(NO_FILTERS);
  });
});

describe('question to the API', () => {
  test('what has begun is not asked for', () => {
    const { from, ...rest } = listQuery(NO_FILTERS);
    expect(Math.abs(Date.parse(from!) - Date.now())).toBeLessThanOrEqual(300_000);
    expect(rest).toEqual({ active: true });
  });

  test('days are whole days of the reader', () => {
    const { from, to } = listQuery(read('from=2026-12-05&to=2026-12-31'));
    expect(from).toBe(new Date(2026, 11, 5).toISOString());
    expect(to).toBe(new Date(2027, 0, 1).toISOString());
  });

  test('numbers and truths are such', () => {
    expect(searchQuery(read('online=true&price_max=0&rating=4&place=Pune'))).toEqual({ active: true, online: true, price_max: 0, rating: 4, place: 'Pune' });
  });

  test('summer time moves no day', () => {
    expect(startOfDay('2026-03-28', 2)).toEqual(new Date(2026, 2, 30));
  });
});

describe('counting', () => {
  test('a range is one filter, the search none', () => {
    expect(filterCount(read('q=yoga&price_min=1&price_max=2&from=2026-12-05&to=2026-12-06&type=retreat&sort=-price'))).toBe(3);
  });

  test('the calendar has its own dates', () => {
    expect(filterCount(read('view=calendar&from=2026-12-05'))).toBe(0);
  });

  test('clearing keeps view and order', () => {
    const left = withoutFilters(read('q=yoga&type=retreat&sort=-price&view=calendar&month=2026-12&day=2026-12-05'));
    expect(writeFilters(left).toString()).toBe('sort=-price&view=calendar&month=2026-12');
  });
});
