import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { texts } from '../ui/texts.ts';
import type { Failure } from '../urql/errors.ts';
import { useMatching } from './context.ts';
import { SpeechBubbles } from './speech-bubbles.tsx';

const maxTags = 10;
const maxTagLength = 30;

/** The form to start a search. Tags are optional. */
export function FindStranger({ failure }: { failure: Failure | null }) {
  const matching = useMatching();
  const [text, setText] = useState(() => matching.tags().join(', '));
  const tags = toTags(text);
  const problem = problemOf(tags);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (problem === null) void matching.find(tags);
  }

  return (
    <Pane title={texts.match.find}>
      <form className="find" onSubmit={submit} noValidate>
        <SpeechBubbles />
        <p className="find-lead">{texts.match.findLead}</p>
        <Field
          label={texts.tags.label}
          note={texts.tags.optional}
          hint={texts.tags.hint}
          problem={problem}
          value={text}
          autoComplete="off"
          onChange={(event) => setText(event.target.value)}
        />
        {failure && <FailureNote failure={failure} />}
        <Button variant="primary" type="submit" isWide>
          {texts.match.find}
        </Button>
      </form>
    </Pane>
  );
}

function toTags(text: string): string[] {
  const tags = text.split(',').map((tag) => tag.trim().toLowerCase());
  return [...new Set(tags)].filter((tag) => tag !== '');
}

function problemOf(tags: readonly string[]): string | null {
  if (tags.length > maxTags) return texts.tags.tooMany;
  return tags.some((tag) => Array.from(tag).length > maxTagLength) ? texts.tags.tooLong : null;
}
