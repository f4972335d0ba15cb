import { useState } from 'react';
import { useMutation } from 'urql';
import { LeaveChannelDocument } from '../gql/graphql.ts';
import { IconButton } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { toFailure } from '../urql/errors.ts';
import { type ChannelItem, channelName } from './channel-list.ts';
import { useChannels } from './context.ts';

/** A button that leaves a room, after a confirmation. */
export function LeaveRoom({ channel }: { channel: ChannelItem }) {
  const channels = useChannels();
  const [isAsking, setAsking] = useState(false);
  const [result, leave] = useMutation(LeaveChannelDocument);
  const failure = toFailure(result.error);

  async function confirm() {
    const { error } = await leave({ channelId: channel.id });
    if (error) return;
    channels.remove(channel.id);
    navigate({ screen: 'rooms' }, { replace: true });
  }

  return (
    <>
      <IconButton icon="leave" label={texts.rooms.leave} onClick={() => setAsking(true)} />
      {isAsking && (
        <Confirm
          title={texts.rooms.leaveQuestion(channelName(channel))}
          note={texts.rooms.leaveNote}
          action={texts.rooms.leaveAction}
          onConfirm={() => void confirm()}
          onClose={() => setAsking(false)}
        >
          {failure && <FailureNote failure={failure} />}
        </Confirm>
      )}
    </>
  );
}
