import { type FormEvent, useRef, useState } from 'react';
import { useMutation } from 'urql';
import { CreateRoomDocument } from '../gql/graphql.ts';
import { useWorkspace } from '../parley-context.tsx';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { createClientId } from '../urql/client-id.ts';
import { failureOf } from '../urql/errors.ts';

const MAX_LENGTH = 80;

/** Opens a room that anyone can find. */
export function NewRoom() {
  const { channels } = useWorkspace();
  const [result, create] = useMutation(CreateRoomDocument);
  const [name, setName] = useState('');
  const [isMissing, setMissing] = useState(false);
  /** The same for every try with one name, so that a retry makes no second room. */
  const attempt = useRef({ name: '', clientId: '' });
  const failure = failureOf(result.error);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const chosen = name.trim();
    setMissing(chosen === '');
    if (chosen === '' || result.fetching) return;
    if (attempt.current.name !== chosen) attempt.current = { name: chosen, clientId: createClientId() };
    const { data } = await create({ input: attempt.current });
    if (!data?.createRoom) return;
    channels.put(data.createRoom);
    navigate({ screen: 'channel', channelId: data.createRoom.id }, { replace: true });
  }

  return (
    <Pane title={texts.rooms.createTitle} back={{ screen: 'rooms' }}>
      <form className="page page-narrow" onSubmit={submit} noValidate>
        <Field
          label={texts.rooms.name}
          placeholder={texts.rooms.namePlaceholder}
          hint={texts.rooms.createLead}
          problem={isMissing ? texts.rooms.nameNeeded : failure?.fields ? texts.rooms.nameTooLong : null}
          value={name}
          maxLength={MAX_LENGTH}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        {failure && !failure.fields && <FailureNote failure={failure} />}
        <div className="page-actions">
          <Button look="primary" type="submit" isBusy={result.fetching}>
            {texts.rooms.createAction}
          </Button>
          <Button onClick={() => navigate({ screen: 'rooms' })}>{texts.cancel}</Button>
        </div>
      </form>
    </Pane>
  );
}
