import i18next from 'i18next';
import { type ComponentType, lazy } from 'react';
import { Route } from 'react-router';

/** A page and its words, fetched at the same time. */
function page(load: () => Promise<{ default: ComponentType }>) {
  return lazy(async () => (await Promise.all([load(), i18next.loadNamespaces('public')]))[0]);
}

const Home = page(() => import('./home'));
const Browse = page(() => import('./browse'));
const EventPage = page(() => import('./event'));
const FacilitatorPage = page(() => import('./facilitator'));

export const publicRoutes = (
  <>
    <Route path="/app" element={<Home />} />
    <Route path="/app/events" element={<Browse />} />
    <Route path="/app/events/:eventId" element={<EventPage />} />
    <Route path="/app/facilitators/:facilitatorId" element={<FacilitatorPage />} />
  </>
);
