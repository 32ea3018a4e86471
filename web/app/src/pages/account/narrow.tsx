import type { ReactNode } from 'react';
import { Page } from '../../ui/page';

/** A page with one thing to do. */
export function NarrowPage({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  return (
    <div className="mx-auto w-full max-w-lg">
      <Page title={title} lead={lead}>
        {children}
      </Page>
    </div>
  );
}
