import { queryOptions } from '@tanstack/react-query';
import { api, call } from '../../api/client';

/** How this Tithi is set up; it does not change while somebody looks. */
export const siteQuery = queryOptions({
  queryKey: ['site'],
  queryFn: ({ signal }) => call(api.GET('/site', { signal })),
  staleTime: Infinity,
});
