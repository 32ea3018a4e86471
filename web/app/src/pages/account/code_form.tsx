/** The second step of a sign-in: a code of the authenticator app, or one of the recovery codes. */
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, ApiError, call, type Schemas } from '../../api/client';
import { useCommand } from '../../api/command';
import { Button } from '../../ui/button';
import { TextField } from '../../ui/field';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { NarrowPage } from './narrow';
import { useProblem } from './problems';

type Opened = { second_factor_setup_required?: boolean; user: Schemas['AccountSummary'] };

/** What stands for no code: nothing between the six digits or the ten characters counts. */
export function codeLooksRight(code: string): boolean {
  const length = code.replace(/[\s-]/g, '').length;
  return length === 6 || length === 10;
}

export function CodeForm({ challenge, onDone, onRestart }: { challenge: string; onDone: (answer: Opened) => void; onRestart: () => void }) {
  const { t } = useTranslation('account');
  const problem = useProblem();
  const [byRecovery, setByRecovery] = useState(false);
  const { register, handleSubmit, setError, reset, setFocus, formState } = useForm({ defaultValues: { otp: '' } });
  useEffect(() => setFocus('otp'), [byRecovery, setFocus]);
  const answer = useCommand((otp: string, headers) => call(api.POST('/session/second-factor', { body: { challenge, otp }, headers })), {
    onSuccess: onDone,
    onError: (error) => {
      const known = problem(error);
      if (known) setError('otp', { message: known.sentence }, { shouldFocus: true });
    },
  });
  const isOver = answer.error instanceof ApiError && answer.error.code === 'invalid_code' && !!answer.error.details.challenge;
  const told = answer.error && !isOver && !problem(answer.error);
  return (
    <NarrowPage title={t('code.title')} lead={t(byRecovery ? 'code.recoveryLead' : 'code.appLead')}>
      <Card>
        {isOver ? (
          <Notice kind="warn" role="alert" title={t('code.over')}>
            <Button look="secondary" className="mt-2 self-start" onClick={onRestart}>
              {t('code.restart')}
            </Button>
          </Notice>
        ) : (
          <form noValidate onSubmit={(event) => void handleSubmit(({ otp }) => answer.mutate(otp.trim()))(event)} className="flex flex-col gap-4">
            <TextField
              key={byRecovery ? 'recovery' : 'app'}
              label={t(byRecovery ? 'code.recoveryLabel' : 'code.appLabel')}
              hint={t(byRecovery ? 'code.recoveryHint' : 'code.appHint')}
              error={formState.errors.otp?.message}
              autoComplete={byRecovery ? 'off' : 'one-time-code'}
              inputMode={byRecovery ? 'text' : 'numeric'}
              autoCapitalize={byRecovery ? 'characters' : 'none'}
              spellCheck={false}
              maxLength={32}
              className="font-mono text-xl tracking-widest"
              {...register('otp', { validate: (otp) => codeLooksRight(otp) || t(byRecovery ? 'code.recoveryNeeded' : 'code.appNeeded') })}
            />
            {told ? <ErrorNotice error={answer.error} /> : null}
            <Button type="submit" busy={answer.isPending}>
              {t('code.submit')}
            </Button>
            <div className="flex flex-wrap justify-between gap-2">
              <Button
                look="quiet"
                onClick={() => {
                  setByRecovery(!byRecovery);
                  reset();
                  answer.reset();
                }}
              >
                {t(byRecovery ? 'code.useApp' : 'code.useRecovery')}
              </Button>
              <Button look="quiet" onClick={onRestart}>
                {t('code.back')}
              </Button>
            </div>
          </form>
        )}
      </Card>
      <p className="text-muted">{t('code.lost')}</p>
    </NarrowPage>
  );
}
