/** Short messages that come and go, with an undo where there is one. They stay while somebody points at them. */
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

type Toast = { id: number; text: string; undo?: (() => void) | undefined };
type Say = (text: string, undo?: () => void) => void;

const SHOWN_MS = 8000;
const Saying = createContext<Say>(() => undefined);

export function useToast(): Say {
  return useContext(Saying);
}

export function Toasts({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [toasts, setToasts] = useState<Toast[]>([]);
  const [held, setHeld] = useState(false);
  const next = useRef(0);
  const say = useCallback<Say>((text, undo) => setToasts((shown) => [...shown.slice(-2), { id: next.current++, text, undo }]), []);
  const remove = (id: number) => setToasts((shown) => shown.filter((toast) => toast.id !== id));
  const oldest = toasts[0]?.id;
  useEffect(() => {
    if (oldest === undefined || held) return undefined;
    const timer = setTimeout(() => remove(oldest), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [oldest, held]);
  return (
    <Saying value={useMemo(() => say, [say])}>
      {children}
      <div
        role="status"
        aria-live="polite"
        onMouseEnter={() => setHeld(true)}
        onMouseLeave={() => setHeld(false)}
        onFocus={() => setHeld(true)}
        onBlur={() => setHeld(false)}
        className="no-print fixed inset-x-4 bottom-4 z-50 mx-auto flex max-w-md flex-col gap-2"
      >
        {toasts.map(({ id, text, undo }) => (
          <div key={id} className="flex items-center justify-between gap-4 rounded-xl bg-ink px-4 py-3 text-ground shadow-lg">
            <span>{text}</span>
            {undo && (
              <button
                type="button"
                className="min-h-8 cursor-pointer rounded px-2 font-semibold underline underline-offset-2"
                onClick={() => {
                  undo();
                  remove(id);
                }}
              >
                {t('undo')}
              </button>
            )}
          </div>
        ))}
      </div>
    </Saying>
  );
}
