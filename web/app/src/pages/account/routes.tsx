import { lazy } from 'react';
import { Route } from 'react-router';
import { Require } from '../../session/require';

const Login = lazy(() => import('./login'));
const Register = lazy(() => import('./register'));
const Forgot = lazy(() => import('./forgot'));
const MailedLink = lazy(() => import('./link'));
const SignedIn = lazy(() => import('./signed_in'));
const Deleted = lazy(() => import('./deleted'));
const AccountLayout = lazy(() => import('./layout'));
const Profile = lazy(() => import('./profile'));
const Security = lazy(() => import('./security'));
const Keys = lazy(() => import('./keys'));
const Mail = lazy(() => import('./mail'));
const Data = lazy(() => import('./data'));

export const accountRoutes = (
  <>
    <Route path="/app/login" element={<Login />} />
    <Route path="/app/register" element={<Register />} />
    <Route path="/app/forgot" element={<Forgot />} />
    <Route path="/app/link" element={<MailedLink />} />
    <Route path="/account" element={<MailedLink />} />
    <Route path="/app/signed-in" element={<SignedIn />} />
    <Route path="/app/deleted" element={<Deleted />} />
    <Route element={<Require />}>
      <Route path="/app/profile" element={<AccountLayout />}>
        <Route index element={<Profile />} />
        <Route path="security" element={<Security />} />
        <Route path="keys" element={<Keys />} />
        <Route path="mail" element={<Mail />} />
        <Route path="data" element={<Data />} />
      </Route>
    </Route>
  </>
);
