import { type FormEvent, useState } from 'react';
import { useWorkspace } from '../parley-context.tsx';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { texts } from '../ui/texts.ts';
import type { Failure } from '../urql/errors.ts';
import { Strangers } from './strangers.tsx';

const MAX_TAGS = 10;
const MAX_TAG_LENGTH = 30;

/** One button to a stranger; what to talk about is optional. */
export function FindStranger({ failure }: { failure: Failure | null }) {
  const { matching } = useWorkspace();
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
        <Strangers />
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
        <Button look="primary" type="submit" isWide>
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
  if (tags.length > MAX_TAGS) return texts.tags.tooMany;
  return tags.some((tag) => Array.from(tag).length > MAX_TAG_LENGTH) ? texts.tags.tooLong : null;
}
