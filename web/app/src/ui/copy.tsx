import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, type Look } from './button';

const TOLD_MS = 2500;

/** Puts a text where one can paste it from, and says so for a moment. */
export function CopyButton({ text, label, look = 'secondary' }: { text: string; label?: string; look?: Look }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), TOLD_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const Icon = copied ? Check : Copy;
  return (
    <Button look={look} onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}>
      <Icon aria-hidden className="size-5" />
      <span aria-live="polite">{copied ? t('copied') : (label ?? t('copy'))}</span>
    </Button>
  );
}

/** A text to be copied whole: selected by one click. */
export function Secret({ text, label }: { text: string; label: string }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <code aria-label={label} role="group" className="min-w-0 flex-1 basis-60 rounded-lg bg-sunken px-3 py-2.5 font-mono break-all select-all">
        {text}
      </code>
      <CopyButton text={text} />
    </div>
  );
}
