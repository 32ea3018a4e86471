import i18next from 'i18next';
import { type ComponentType, lazy } from 'react';
import { Route } from 'react-router';

/** A page and its words, fetched at the same time; where a visit begins `here`, beside the words that all pages have, too. */
function page(load: () => Promise<{ default: ComponentType }>, here: RegExp) {
  const first = here.test(window.location.pathname) ? load() : null;
  first?.catch(() => undefined); // it is told where it is shown
  return lazy(async () => (await Promise.all([first ?? load(), i18next.loadNamespaces('public')]))[0]);
}

const Home = page(() => import('./home'), /^\/app\/?$/);
const Browse = page(() => import('./browse'), /^\/app\/events\/?$/);
const EventPage = page(() => import('./event'), /^\/app\/events\/\d+$/);
const FacilitatorPage = page(() => import('./facilitator'), /^\/app\/facilitators\//);

export const publicRoutes = (
  <>
    <Route path="/app" element={<Home />} />
    <Route path="/app/events" element={<Browse />} />
    <Route path="/app/events/:eventId" element={<EventPage />} />
    <Route path="/app/facilitators/:facilitatorId" element={<FacilitatorPage />} />
  </>
);
