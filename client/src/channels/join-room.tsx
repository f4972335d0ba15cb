import { useMutation } from 'urql';
import { JoinRoomDocument } from '../gql/graphql.ts';
import { Button } from '../ui/button.tsx';
import { EmptyState, FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { texts } from '../ui/texts.ts';
import { toFailure } from '../urql/errors.ts';
import { useChannels } from './context.ts';

/** Shown for a room that the viewer is not a member of, with a button to join it. */
export function JoinRoom({ channelId }: { channelId: string }) {
  const channels = useChannels();
  const [result, join] = useMutation(JoinRoomDocument);
  const failure = toFailure(result.error);

  async function submit() {
    const { data } = await join({ channelId });
    if (data?.joinRoom) channels.put(data.joinRoom);
  }

  return (
    <Pane title={texts.rooms.title} back={{ screen: 'rooms' }}>
      <EmptyState title={texts.rooms.notMember} hint={texts.rooms.notMemberHint}>
        <Button variant="primary" isBusy={result.fetching} onClick={submit}>
          {texts.rooms.join}
        </Button>
      </EmptyState>
      {failure && <FailureNote failure={failure} />}
    </Pane>
  );
}
