import './styles.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { queryClient } from './api/query_client';
import { App } from './app';
import { startWords } from './i18n';
import { startTheme } from './ui/theme';

startTheme();

// Not awaited at the top of the module: pages could then not share a file with it.
void startWords().then(() =>
  createRoot(document.getElementById('app')!).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <BrowserRouter>
          <Suspense>
            <App />
          </Suspense>
        </BrowserRouter>
      </QueryClientProvider>
    </StrictMode>,
  ),
);
