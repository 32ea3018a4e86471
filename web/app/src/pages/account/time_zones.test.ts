import { expect, test } from 'vitest';
import { timeZones } from './time_zones';

test('zones by continent, with one that the browser does not list', () => {
  const groups = timeZones('Asia/Kolkata');
  expect(groups[0]).toMatchObject({ continent: '' });
  expect(groups[0]!.zones).toContain('UTC');
  expect(groups.find((group) => group.continent === 'Asia')!.zones.filter((zone) => zone === 'Asia/Kolkata')).toHaveLength(1);
});
