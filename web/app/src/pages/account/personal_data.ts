/** Everything that is kept about one, page after page put together. */
import { api, call, type Schemas } from '../../api/client';

export type PersonalData = Schemas['PersonalData'];

/** Lists go on where the page before ended; what is no list stands on each page alike. */
export function joinPages(pages: PersonalData[]): Omit<PersonalData, 'next'> {
  const joined: Record<string, unknown> = {};
  for (const page of pages)
    for (const [name, value] of Object.entries(page))
      joined[name] = Array.isArray(value) && Array.isArray(joined[name]) ? [...(joined[name] as unknown[]), ...(value as unknown[])] : value;
  delete joined.next;
  return joined as Omit<PersonalData, 'next'>;
}

export async function takeAll(signal?: AbortSignal): Promise<Omit<PersonalData, 'next'>> {
  const pages: PersonalData[] = [];
  let after: string | null | undefined;
  do {
    const page: PersonalData = await call(api.GET('/profile/export', { params: { query: after ? { after } : {} }, signal }));
    pages.push(page);
    after = page.next;
  } while (after);
  return joinPages(pages);
}
