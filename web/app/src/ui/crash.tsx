/** Where a page fails, the rest stays; another page or a reload mends it. */
import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'react-router';
import { Button } from './button';
import { Notice } from './notice';

class Boundary extends Component<{ children: ReactNode; fallback: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}

export function Crash({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const fallback = (
    <div className="mx-auto w-full max-w-3xl px-4 py-10">
      <Notice kind="bad" role="alert" title={t('error.page')}>
        <Button look="secondary" className="mt-2 self-start" onClick={() => window.location.reload()}>
          {t('error.reload')}
        </Button>
      </Notice>
    </div>
  );
  return (
    <Boundary key={pathname} fallback={fallback}>
      {children}
    </Boundary>
  );
}
