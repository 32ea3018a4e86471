import { lazy } from 'react';
import { Navigate, Route, useParams } from 'react-router';
import { Require } from '../../session/require';

const Layout = lazy(() => import('./layout'));
const Overview = lazy(() => import('./overview'));
const Events = lazy(() => import('./events'));
const NewEvent = lazy(() => import('./new_event'));
const EventPage = lazy(() => import('./event'));
const EditEvent = lazy(() => import('./edit_event'));
const CheckIn = lazy(() => import('./check_in'));
const Inbox = lazy(() => import('./inbox'));
const Earnings = lazy(() => import('./earnings'));
const Webhooks = lazy(() => import('./webhooks'));
const Webhook = lazy(() => import('./webhook'));

/** Where mails about webhook endpoints lead. */
function MailedWebhook() {
  const { endpointId } = useParams();
  return <Navigate to={`/app/host/webhooks/${endpointId ?? ''}`} replace />;
}

export const hostRoutes = (
  <Route element={<Require role="facilitator" />}>
    <Route path="/app/host" element={<Layout />}>
      <Route index element={<Overview />} />
      <Route path="events" element={<Events />} />
      <Route path="events/new" element={<NewEvent />} />
      <Route path="events/:eventId" element={<EventPage />} />
      <Route path="events/:eventId/edit" element={<EditEvent />} />
      <Route path="events/:eventId/check-in" element={<CheckIn />} />
      <Route path="inbox" element={<Inbox />} />
      <Route path="earnings" element={<Earnings />} />
      <Route path="webhooks" element={<Webhooks />} />
      <Route path="webhooks/:endpointId" element={<Webhook />} />
    </Route>
    <Route path="/app/webhooks/:endpointId?" element={<MailedWebhook />} />
  </Route>
);
