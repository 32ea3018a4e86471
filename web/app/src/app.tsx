import { lazy, Suspense } from 'react';
import { Route, Routes } from 'react-router';
import { accountRoutes } from './pages/account/routes';
import { adminRoutes } from './pages/admin/routes';
import { bookingRoutes } from './pages/bookings/routes';
import { hostRoutes } from './pages/host/routes';
import { publicRoutes } from './pages/public/routes';
import { useOtherTabs } from './session/session';
import { Shell } from './shell';
import { Crash } from './ui/crash';
import { Progress } from './ui/progress';
import { Loading } from './ui/skeleton';
import { Toasts } from './ui/toast';

const NotFound = lazy(() => import('./pages/not_found'));

export function App() {
  useOtherTabs();
  return (
    <Toasts>
      <Progress />
      <Shell>
        <Crash>
          {/* As high as the screen: what stands below must not be seen to jump away. */}
          <Suspense fallback={<div className="mx-auto min-h-dvh w-full max-w-6xl px-4 py-10"><Loading /></div>}>
            <Routes>
              {publicRoutes}
              {bookingRoutes}
              {accountRoutes}
              {hostRoutes}
              {adminRoutes}
              <Route path="*" element={<NotFound />} />
            </Routes>
          </Suspense>
        </Crash>
      </Shell>
    </Toasts>
  );
}
