import i18next from 'i18next';
import { type ComponentType, lazy } from 'react';
import { Route } from 'react-router';
import { queryClient } from '../../api/query_client';
import { eventQuery } from './queries';

/**
 * A page and its words, fetched at the same time; where a visit begins `here`, beside the words that all pages have, too, and beside what the
 * page `asks` for.
 */
function page(load: () => Promise<{ default: ComponentType }>, here: RegExp, asks?: (part: string) => unknown) {
  const visited = here.exec(window.location.pathname);
  const first = visited && load();
  first?.catch(() => undefined); // it is told where it is shown
  if (visited?.[1]) asks?.(visited[1]);
  return lazy(async () => (await Promise.all([first ?? load(), i18next.loadNamespaces('public')]))[0]);
}

const Home = page(() => import('./home'), /^\/app\/?$/);
const Browse = page(() => import('./browse'), /^\/app\/events\/?$/);
const EventPage = page(() => import('./event'), /^\/app\/events\/([1-9]\d{0,15})$/, (id) => queryClient.prefetchQuery(eventQuery(Number(id))));
const FacilitatorPage = page(() => import('./facilitator'), /^\/app\/facilitators\//);

export const publicRoutes = (
  <>
    <Route path="/app" element={<Home />} />
    <Route path="/app/events" element={<Browse />} />
    <Route path="/app/events/:eventId" element={<EventPage />} />
    <Route path="/app/facilitators/:facilitatorId" element={<FacilitatorPage />} />
  </>
);
