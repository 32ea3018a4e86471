import { expect, test } from 'vitest';
import { joinPages, type PersonalData } from './personal_data';

test('lists of pages are put together, the rest stands once', () => {
  const pages = [
    { profile: { id: 1 }, bookings: [{ id: 1 }, { id: 2 }], inbox: [], next: 'x' },
    { profile: { id: 1 }, bookings: [{ id: 3 }], inbox: [], next: null },
  ] as unknown as PersonalData[];
  expect(joinPages(pages)).toEqual({ profile: { id: 1 }, bookings: [{ id: 1 }, { id: 2 }, { id: 3 }], inbox: [] });
});
