import type { ReactNode } from 'react';

type TableProps = { caption: string; /** An empty one is no heading. */ head: ReactNode[]; /** Which columns (from 0) hold numbers. */ numbers?: number[]; children: ReactNode; hideCaption?: boolean };

/** A table that scrolls by itself where it is wider than the page; keyboards can scroll it too. */
export function Table({ caption, head, numbers = [], children, hideCaption = false }: TableProps) {
  return (
    <div tabIndex={0} role="region" aria-label={caption} className="overflow-x-auto rounded-xl border border-line bg-surface">
      <table className="w-full text-start text-base">
        <caption className={hideCaption ? 'sr-only' : 'p-3 text-start text-muted'}>{caption}</caption>
        <thead>
          <tr className="border-b border-line bg-sunken">
            {head.map((cell, index) =>
              cell === '' ? (
                <td key={index} />
              ) : (
                <th key={index} scope="col" className={`px-3 py-2 text-sm font-semibold whitespace-nowrap ${numbers.includes(index) ? 'text-end' : 'text-start'}`}>
                  {cell}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">{children}</tbody>
      </table>
    </div>
  );
}

export function Cell({ children, number = false, className = '' }: { children: ReactNode; number?: boolean; className?: string }) {
  return <td className={`px-3 py-2.5 align-top ${number ? 'text-end tabular-nums whitespace-nowrap' : ''} ${className}`}>{children}</td>;
}
