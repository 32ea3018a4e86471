/** A card of what can be changed: a button opens the form, and what became of it is said afterwards. */
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/button';
import { Card } from '../../ui/page';
import { ConfirmError } from './confirm';

type Card<Outcome> = {
  title: string;
  change: string;
  children: ReactNode;
  form: (close: (outcome: Outcome | null) => void) => ReactNode;
  said: (outcome: Outcome) => ReactNode;
};

export function ChangeCard<Outcome>({ title, change, children, form, said }: Card<Outcome>) {
  const [open, setOpen] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const begin = () => {
    setOpen(true);
    setOutcome(null);
  };
  const close = (now: Outcome | null) => {
    setOpen(false);
    setOutcome(now);
  };
  return (
    <Card title={title} actions={!open && <Button look="secondary" onClick={begin}>{change}</Button>}>
      {children}
      {outcome !== null && said(outcome)}
      {open && form(close)}
    </Card>
  );
}

type End = { error: unknown; busy: boolean; submit: string; onCancel: () => void };

/** What stands below the fields of such a form. */
export function FormEnd({ error, busy, submit, onCancel }: End) {
  const { t } = useTranslation('account');
  return (
    <>
      <ConfirmError error={error} />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" busy={busy}>
          {submit}
        </Button>
        <Button look="quiet" onClick={onCancel}>
          {t('common:cancel')}
        </Button>
      </div>
    </>
  );
}
