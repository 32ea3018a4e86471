import i18next from 'i18next';
import { type ComponentType, lazy } from 'react';
import { Route } from 'react-router';
import { Require } from '../../session/require';

/** A page and its words, fetched at the same time; events are described in the words of their own pages. */
function page(load: () => Promise<{ default: ComponentType }>) {
  return lazy(async () => (await Promise.all([load(), i18next.loadNamespaces(['bookings', 'public'])]))[0]);
}

const Book = page(() => import('./book'));
const Bookings = page(() => import('./bookings'));
const BookingPage = page(() => import('./booking'));
const Ticket = page(() => import('./ticket'));
const Receipt = page(() => import('./receipt'));
const Dashboard = page(async () => {
  await i18next.loadNamespaces('account'); // of the banner about the address
  return import('./dashboard');
});

export const bookingRoutes = (
  <Route element={<Require />}>
    <Route path="/app/events/:eventId/book" element={<Book />} />
    <Route path="/app/bookings" element={<Bookings />} />
    <Route path="/app/bookings/:bookingId" element={<BookingPage />} />
    <Route path="/app/bookings/:bookingId/ticket" element={<Ticket />} />
    <Route path="/app/bookings/:bookingId/receipt" element={<Receipt />} />
    <Route path="/dashboard" element={<Dashboard />} />
  </Route>
);
