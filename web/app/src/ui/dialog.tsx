/** Dialogs on the browser's own <dialog>: it keeps the focus inside, closes with Escape and leaves the page behind inert. */
import { X } from 'lucide-react';
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, type Look } from './button';
import { ErrorNotice } from './notice';

export function Dialog({ open, title, onClose, children, wide = false }: { open: boolean; title: string; onClose: () => void; children: ReactNode; wide?: boolean }) {
  const { t } = useTranslation();
  const id = useId();
  const box = useRef<HTMLDialogElement>(null);
  const shown = useRef(false);
  useLayoutEffect(() => {
    const dialog = box.current;
    if (!open || !dialog) return undefined;
    dialog.showModal();
    shown.current = true;
    // Before it leaves the page, where it does: closed, it gives the focus back to where that was.
    return () => {
      shown.current = false;
      dialog.close();
    };
  }, [open]);
  return (
    <dialog
      ref={box}
      aria-labelledby={id}
      onClose={() => shown.current && onClose()}
      onClick={(event) => event.target === event.currentTarget && onClose()}
      className={`m-auto w-[calc(100%-2rem)] rounded-2xl border border-line bg-surface p-0 text-ink ${wide ? 'max-w-3xl' : 'max-w-lg'}`}
    >
      {open && (
        <div className="flex flex-col gap-4 p-5 sm:p-6">
          <div className="flex items-start justify-between gap-4">
            <h2 id={id} className="text-xl font-semibold">
              {title}
            </h2>
            <button type="button" onClick={onClose} aria-label={t('close')} className="-m-2 cursor-pointer rounded-lg p-2 text-muted hover:bg-sunken">
              <X aria-hidden className="size-5" />
            </button>
          </div>
          {children}
        </div>
      )}
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function ConfirmDialog({
  open, title, children, confirm, look = 'danger', busy, error, onConfirm, onClose,
}: {
  open: boolean; title: string; children?: ReactNode; confirm: string; look?: Look; busy?: boolean; error?: unknown; onConfirm: () => void; onClose: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Dialog open={open} title={title} onClose={onClose}>
      {children}
      <ErrorNotice error={error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="secondary" onClick={onClose}>
          {t('keep')}
        </Button>
        <Button look={look} busy={busy ?? false} onClick={onConfirm}>
          {confirm}
        </Button>
      </div>
    </Dialog>
  );
}
