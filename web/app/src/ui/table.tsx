import { createContext, type ReactNode, useContext } from 'react';

type TableProps = { caption: string; /** An empty one is no heading. */ head: string[]; /** Which columns (from 0) hold numbers. */ numbers?: number[]; children: ReactNode; hideCaption?: boolean };

const Head = createContext<string[]>([]);

/**
 * A table that scrolls by itself where it is wider than the page; keyboards can scroll it too. On phones each row is a card, and what would
 * stand above a column stands before each of its cells.
 */
export function Table({ caption, head, numbers = [], children, hideCaption = false }: TableProps) {
  return (
    <div tabIndex={0} role="region" aria-label={caption} className="overflow-x-auto rounded-xl border border-line bg-surface">
      <table className="w-full text-start text-base max-sm:block">
        <caption className={hideCaption ? 'sr-only' : 'p-3 text-start text-muted max-sm:block'}>{caption}</caption>
        <thead className="max-sm:sr-only">
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
        <tbody className="divide-y divide-line max-sm:block max-sm:[&>tr]:block max-sm:[&>tr]:py-2">
          <Head value={head}>{children}</Head>
        </tbody>
      </table>
    </div>
  );
}

const card =
  'max-sm:grid max-sm:py-1 max-sm:data-[head]:grid-cols-[8rem_minmax(0,1fr)] max-sm:data-[head]:gap-2 ' +
  'max-sm:data-[head]:before:text-sm max-sm:data-[head]:before:text-muted max-sm:data-[head]:before:content-[attr(data-head)]';

type CellProps = { children: ReactNode; number?: boolean; /** It names its row. */ heads?: boolean; className?: string };

export function Cell({ children, number = false, heads = false, className = '' }: CellProps) {
  const head = useContext(Head);
  const Tag = heads ? 'th' : 'td';
  return (
    <Tag
      // Where it stands only the browser knows.
      ref={(cell: HTMLTableCellElement | null) => {
        if (cell && head[cell.cellIndex]) cell.dataset.head = head[cell.cellIndex];
      }}
      scope={heads ? 'row' : undefined}
      className={`px-3 py-2.5 align-top ${heads ? 'text-start font-semibold' : ''} ${card} ${number ? 'tabular-nums sm:text-end sm:whitespace-nowrap' : ''}`}
    >
      <div className={`max-sm:wrap-anywhere max-sm:whitespace-normal! ${className}`}>{children}</div>
    </Tag>
  );
}
