import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { href } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import type { Failure } from '../urql/errors.ts';
import { useAccounts } from './contexts.ts';
import { FrontForm } from './front-form.tsx';

/** Asks for an e-mail address, to which the server sends a link to choose a new password. */
export function ForgotPasswordScreen() {
  const { accounts } = useAccounts();
  const [isBusy, setBusy] = useState(false);
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const email = String(new FormData(event.currentTarget).get('email') ?? '').trim();
    setBusy(true);
    const newFailure = await accounts.requestPasswordReset(email);
    setBusy(false);
    setFailure(newFailure);
    setSentTo(newFailure === null ? email : null);
  }

  return (
    <FrontForm title={texts.reset.forgotTitle} lead={texts.reset.forgotLead} onSubmit={submit}>
      <Field
        label={texts.account.email}
        name="email"
        type="email"
        autoComplete="email"
        inputMode="email"
        problem={failure?.fields ? texts.account.problems.email : null}
      />
      {failure && failure.fields === undefined && <FailureNote failure={failure} />}
      <div className="front-actions">
        <Button variant="primary" type="submit" isWide isBusy={isBusy}>
          {sentTo === null ? texts.reset.sendLink : texts.reset.sendAgain}
        </Button>
      </div>
      <p role="status">{sentTo !== null && texts.reset.sent(sentTo)}</p>
      <p className="front-foot">
        <a href={href({ screen: 'sign-in' })}>{texts.back}</a>
      </p>
    </FrontForm>
  );
}
