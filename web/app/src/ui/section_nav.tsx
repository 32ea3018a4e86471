import { useEffect, useRef } from 'react';
import { NavLink, useLocation } from 'react-router';

/** The pages of an area. `end`: its own address only, not those below. */
export function SectionNav({ label, links }: { label: string; links: { to: string; text: string; end?: boolean }[] }) {
  const list = useRef<HTMLUListElement>(null);
  const { pathname } = useLocation();
  useEffect(() => {
    // Where they do not all fit, this page's is the one that is seen.
    const here = list.current?.querySelector<HTMLElement>('[aria-current=page]');
    if (here) list.current?.scrollTo({ left: here.offsetLeft - (list.current.clientWidth - here.offsetWidth) / 2 });
  }, [pathname]);
  return (
    <nav aria-label={label} className="no-print border-b border-line bg-surface">
      <ul ref={list} className="relative mx-auto flex max-w-6xl gap-1 overflow-x-auto px-3">
        {links.map(({ to, text, end = false }) => (
          <li key={to}>
            <NavLink
              to={to}
              end={end}
              className={({ isActive }) =>
                `block border-b-3 px-3 py-3 font-medium whitespace-nowrap ${isActive ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink'}`
              }
            >
              {text}
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
