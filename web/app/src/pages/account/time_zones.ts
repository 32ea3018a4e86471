/** The zones that this browser knows, by continent, and `own`, which it may know by other names. */
export function timeZones(...own: string[]): { continent: string; zones: string[] }[] {
  const zones = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC', ...own]);
  const groups = new Map<string, string[]>();
  for (const zone of [...zones].sort()) {
    const continent = zone.includes('/') ? zone.slice(0, zone.indexOf('/')) : '';
    groups.set(continent, [...(groups.get(continent) ?? []), zone]);
  }
  return [...groups].map(([continent, members]) => ({ continent, zones: members })).sort((a, b) => a.continent.localeCompare(b.continent));
}

export function deviceTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
