import { type FormEvent, useState } from 'react';
import { Button, IconButton } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { href, navigate, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import type { Failure } from '../urql/errors.ts';
import { maxNameLength } from './accounts.ts';
import { useAccounts } from './contexts.ts';
import { suggestName } from './guest-names.ts';
import { useExplorer } from './use-explorer.ts';
import { Wordmark } from './wordmark.tsx';

/**
 * The first screen. It suggests a name; one button starts the search for a stranger, or opens the conversation whose link was
 * followed.
 * @param channelId channel of that link
 */
export function Welcome({ channelId }: { channelId: string | undefined }) {
  const { accounts } = useAccounts();
  const hasExplorer = useExplorer();
  const [name, setName] = useState(suggestName);
  const [busyWith, setBusyWith] = useState<Route['screen'] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isNameMissing, setNameMissing] = useState(false);
  const isNameRefused = failure?.fields?.some(({ path }) => path === 'input.name') ?? false;

  async function enter(route: Route) {
    const chosen = name.trim();
    setNameMissing(chosen === '');
    setFailure(null);
    if (chosen === '' || busyWith !== null) return;
    setBusyWith(route.screen);
    navigate(route, { replace: true });
    setFailure(await accounts.enterAsGuest(chosen));
    setBusyWith(null);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    void enter(channelId === undefined ? { screen: 'find' } : { screen: 'channel', channelId });
  }

  return (
    <div className="front">
      <form className="front-card" onSubmit={submit} noValidate>
        <Wordmark />
        <h1 className="front-title">{texts.welcome.title}</h1>
        <p className="front-lead">{texts.welcome.lead}</p>
        <Field
          label={texts.welcome.name}
          hint={texts.welcome.nameHint}
          problem={isNameMissing ? texts.welcome.nameNeeded : isNameRefused ? texts.account.problems.name : null}
          value={name}
          maxLength={maxNameLength}
          autoComplete="nickname"
          onChange={(event) => setName(event.target.value)}
          action={
            <IconButton icon="shuffle" label={texts.welcome.anotherName} onClick={() => setName(suggestName())} />
          }
        />
        {failure && !isNameRefused && <FailureNote failure={failure} />}
        <div className="front-actions">
          <Button variant="primary" type="submit" isWide isBusy={busyWith === 'find' || busyWith === 'channel'}>
            {channelId === undefined ? texts.welcome.start : texts.welcome.open}
          </Button>
          <Button isWide isBusy={busyWith === 'rooms'} onClick={() => void enter({ screen: 'rooms' })}>
            {texts.welcome.rooms}
          </Button>
        </div>
        <p className="front-foot">
          {texts.welcome.haveAccount} <a href={href({ screen: 'sign-in', channelId })}>{texts.account.signIn}</a>
        </p>
        <p className="front-foot front-explorer" data-known={hasExplorer}>
          {texts.welcome.forDevelopers} <a href="/graphql">{texts.welcome.explorer}</a>
        </p>
      </form>
    </div>
  );
}
