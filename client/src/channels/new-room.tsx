import { type FormEvent, useRef, useState } from 'react';
import { useMutation } from 'urql';
import { CreateRoomDocument } from '../gql/graphql.ts';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { createClientId } from '../urql/client-id.ts';
import { toFailure } from '../urql/errors.ts';
import { useChannels } from './context.ts';

const maxNameLength = 80;

/** The form to create a room. */
export function NewRoom() {
  const channels = useChannels();
  const [result, create] = useMutation(CreateRoomDocument);
  const [name, setName] = useState('');
  const [isMissing, setMissing] = useState(false);
  // The same `clientId` for every attempt with one name, so that a retry does not create a second room.
  const attempt = useRef({ name: '', clientId: '' });
  const failure = toFailure(result.error);

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
          problem={isMissing ? texts.rooms.nameNeeded : failure?.fields ? texts.rooms.nameRefused : null}
          value={name}
          maxLength={maxNameLength}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        {failure && !failure.fields && <FailureNote failure={failure} />}
        <div className="page-actions">
          <Button variant="primary" type="submit" isBusy={result.fetching}>
            {texts.rooms.createAction}
          </Button>
          <Button onClick={() => navigate({ screen: 'rooms' })}>{texts.cancel}</Button>
        </div>
      </form>
    </Pane>
  );
}
