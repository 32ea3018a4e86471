/** Lists that come by pages, each naming where the next begins. */
import { keepPreviousData, type QueryKey, useInfiniteQuery } from '@tanstack/react-query';

type Options = { enabled?: boolean; refetchInterval?: number; /** The former list stays until the new one is there. */ keepFormer?: boolean };

/** `fetchPage` gets the cursor of its page (undefined: the first). */
export function usePages<Page extends { next?: string | null }>(
  queryKey: QueryKey,
  fetchPage: (after: string | undefined, signal: AbortSignal) => Promise<Page>,
  { keepFormer = false, ...options }: Options = {},
) {
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    ...(keepFormer && { placeholderData: keepPreviousData }),
    ...options,
  });
}
