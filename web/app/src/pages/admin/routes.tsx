import { lazy } from 'react';
import { Route } from 'react-router';
import { Require } from '../../session/require';

const Layout = lazy(() => import('./layout'));
const Revenue = lazy(() => import('./revenue'));
const Payments = lazy(() => import('./payments'));
const Users = lazy(() => import('./users'));
const Deliveries = lazy(() => import('./deliveries'));
const Processes = lazy(() => import('./processes'));
const Log = lazy(() => import('./log'));

export const adminRoutes = (
  <Route element={<Require role="admin" />}>
    <Route path="/app/admin" element={<Layout />}>
      <Route index element={<Revenue />} />
      <Route path="payments" element={<Payments />} />
      <Route path="users" element={<Users />} />
      <Route path="deliveries" element={<Deliveries />} />
      <Route path="processes" element={<Processes />} />
      <Route path="log" element={<Log />} />
    </Route>
  </Route>
);
