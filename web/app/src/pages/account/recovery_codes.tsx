/** Recovery codes, shown once: whoever closes them says that they are kept. */
import { Download, Printer } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy';
import { Checkbox } from '../../ui/field';
import { Notice } from '../../ui/notice';
import { saveFile } from './save_file';

export function RecoveryCodes({ codes, account, onClose }: { codes: string[]; account: string; onClose: () => void }) {
  const { t } = useTranslation('account');
  const [kept, setKept] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const page = document.getElementById('app');
    list.current?.focus();
    page?.classList.add('no-print'); // printed are the codes alone
    return () => page?.classList.remove('no-print');
  }, []);
  const text = `${t('recovery.file', { account })}\n\n${codes.join('\n')}\n`;
  return (
    <>
      <Notice kind="good" role="status" title={t('recovery.title')}>
        <p>{t('recovery.text')}</p>
      </Notice>
      <ul
        ref={list}
        tabIndex={-1}
        aria-label={t('recovery.list')}
        className="grid grid-cols-2 gap-x-2 gap-y-1 rounded-lg bg-sunken p-3 text-center font-mono whitespace-nowrap outline-none sm:text-lg select-all"
      >
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2">
        <CopyButton text={text} />
        <Button look="secondary" onClick={() => saveFile('tithi-recovery-codes.txt', 'text/plain;charset=utf-8', text)}>
          <Download aria-hidden className="size-5" />
          {t('recovery.download')}
        </Button>
        <Button look="secondary" onClick={() => window.print()}>
          <Printer aria-hidden className="size-5" />
          {t('recovery.print')}
        </Button>
      </div>
      <Checkbox label={t('recovery.kept')} checked={kept} onChange={(event) => setKept(event.target.checked)} />
      <Button disabled={!kept} onClick={onClose} className="self-end">
        {t('recovery.close')}
      </Button>
      {createPortal(<pre className="hidden whitespace-pre-wrap p-8 text-xl print:block">{text}</pre>, document.body)}
    </>
  );
}
