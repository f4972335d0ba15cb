import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { href, navigate, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import type { Failure } from '../urql/errors.ts';
import { maxNameLength } from './accounts.ts';
import { useAccounts } from './contexts.ts';
import { FrontForm } from './front-form.tsx';

type Mode = 'sign-in' | 'register';

/**
 * The form to sign in or to register. A guest who registers keeps their user and conversations.
 * @param channelId channel to open afterwards, whose link was followed
 */
export function SignInScreen({ mode, channelId }: { mode: Mode; channelId: string | undefined }) {
  const { accounts, session } = useAccounts();
  const viewer = useReadable(session)?.user ?? null;
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const isNew = mode === 'register';
  const messageOf = (input: string) => failure?.fields?.find(({ path }) => path === `input.${input}`)?.message;
  const problem = (input: keyof typeof texts.account.problems) =>
    messageOf(input) === undefined ? null : texts.account.problems[input];
  const passwordMessage = messageOf('password');

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const form = new FormData(event.currentTarget);
    const read = (input: string) => String(form.get(input) ?? '').trim();
    const [email, password] = [read('email'), String(form.get('password') ?? '')];
    setBusy(true);
    const newFailure = await (isNew
      ? accounts.register({ email, password, name: read('name') })
      : accounts.signIn(email, password));
    setBusy(false);
    setFailure(newFailure);
    if (newFailure !== null) return;
    if (channelId !== undefined) navigate({ screen: 'channel', channelId }, { replace: true });
    else navigate({ screen: isNew && viewer ? 'account' : 'home' }, { replace: true });
  }

  const asGuest: Route =
    channelId === undefined ? { screen: viewer ? 'account' : 'home' } : { screen: 'channel', channelId };

  return (
    <FrontForm
      title={isNew ? texts.account.register : texts.account.signIn}
      lead={isNew && viewer ? texts.account.registerLead : undefined}
      onSubmit={submit}
    >
      {isNew && (
        <Field
          label={texts.account.name}
          name="name"
          defaultValue={viewer?.name ?? ''}
          maxLength={maxNameLength}
          autoComplete="nickname"
          problem={problem('name')}
        />
      )}
      <Field
        label={texts.account.email}
        name="email"
        type="email"
        autoComplete="email"
        inputMode="email"
        problem={problem('email')}
      />
      <Field
        label={texts.account.password}
        name="password"
        type="password"
        autoComplete={isNew ? 'new-password' : 'current-password'}
        hint={isNew ? texts.account.newPasswordHint : ''}
        problem={passwordMessage === undefined ? null : texts.account.passwordProblem(passwordMessage)}
      />
      {failure && failure.fields === undefined && <SignInFailure failure={failure} />}
      <div className="front-actions">
        <Button variant="primary" type="submit" isWide isBusy={isBusy}>
          {isNew ? texts.account.register : texts.account.signIn}
        </Button>
      </div>
      <p className="front-foot">
        {isNew ? texts.welcome.haveAccount : texts.account.noAccount}{' '}
        <a href={href({ screen: isNew ? 'sign-in' : 'register', channelId })}>
          {isNew ? texts.account.signIn : texts.account.register}
        </a>
        {!isNew && <a href={href({ screen: 'forgot-password' })}>{texts.reset.forgot}</a>}
        <a href={href(asGuest)}>{viewer ? texts.back : texts.account.asGuest}</a>
      </p>
    </FrontForm>
  );
}

function SignInFailure({ failure }: { failure: Failure }) {
  switch (failure.code) {
    case 'UNAUTHENTICATED':
      return <FailureNote text={texts.account.wrongPassword} />;
    case 'CONFLICT':
      return <FailureNote text={texts.account.taken} />;
    default:
      return <FailureNote failure={failure} />;
  }
}
