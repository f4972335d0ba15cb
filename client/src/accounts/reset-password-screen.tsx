import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { href, navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import type { Failure } from '../urql/errors.ts';
import { useAccounts } from './contexts.ts';
import { FrontForm } from './front-form.tsx';

/** Asks for a new password, and signs in with it. @param token end of the link that was opened */
export function ResetPasswordScreen({ token }: { token: string }) {
  const { accounts } = useAccounts();
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const messageOf = (input: string) => failure?.fields?.find(({ path }) => path === input)?.message;
  const passwordMessage = messageOf('password');
  const isOver = messageOf('token') !== undefined;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const password = String(new FormData(event.currentTarget).get('password') ?? '');
    setBusy(true);
    const newFailure = await accounts.resetPassword(token, password);
    setBusy(false);
    setFailure(newFailure);
    // Replaces the link in the browser's history.
    if (newFailure === null) navigate({ screen: 'home' }, { replace: true });
  }

  return (
    <FrontForm title={texts.reset.title} lead={texts.reset.lead} onSubmit={submit}>
      <Field
        label={texts.reset.newPassword}
        name="password"
        type="password"
        autoComplete="new-password"
        hint={texts.account.newPasswordHint}
        problem={passwordMessage === undefined ? null : texts.account.passwordProblem(passwordMessage)}
      />
      {isOver && <FailureNote text={texts.reset.linkIsOver} />}
      {failure && failure.fields === undefined && <FailureNote failure={failure} />}
      <div className="front-actions">
        <Button variant="primary" type="submit" isWide isBusy={isBusy}>
          {texts.reset.save}
        </Button>
      </div>
      <p className="front-foot">
        <a href={href({ screen: 'forgot-password' })}>{texts.reset.anotherLink}</a>
      </p>
    </FrontForm>
  );
}
