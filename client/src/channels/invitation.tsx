import { useMutation } from 'urql';
import { JoinRoomDocument, LeaveChannelDocument } from '../gql/graphql.ts';
import { Button } from '../ui/button.tsx';
import { EmptyState, FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { toFailure } from '../urql/errors.ts';
import { type ChannelItem, channelName } from './channel-list.ts';
import { useChannels } from './context.ts';

/** Returns whether the viewer is asked to become a member of a channel. */
export function isInvitation({ viewerMembership }: ChannelItem): boolean {
  return viewerMembership?.state === 'INVITED';
}

/** Shown for a room that the viewer is invited to, with buttons to join it and to decline. */
export function Invitation({ channel }: { channel: ChannelItem }) {
  const channels = useChannels();
  const [result, join] = useMutation(JoinRoomDocument);
  const failure = toFailure(result.error);
  const inviter = channel.viewerMembership?.invitedBy?.name ?? '';

  async function accept() {
    const { data } = await join({ channelId: channel.id });
    if (data?.joinRoom) channels.put(data.joinRoom);
  }

  return (
    <Pane title={channelName(channel)} subtitle={texts.rooms.members(channel.memberCount)}>
      <EmptyState title={texts.invitations.title} hint={texts.invitations.room(inviter)}>
        <Button variant="primary" isBusy={result.fetching} onClick={() => void accept()}>
          {texts.invitations.join}
        </Button>
        <DeclineButton channelId={channel.id} />
      </EmptyState>
      {failure && <FailureNote failure={failure} />}
    </Pane>
  );
}

/** A button that declines an invitation for good. */
export function DeclineButton({ channelId }: { channelId: string }) {
  const channels = useChannels();
  const [result, leave] = useMutation(LeaveChannelDocument);

  async function decline() {
    const { error } = await leave({ channelId });
    if (error) return;
    channels.remove(channelId);
    navigate({ screen: 'rooms' }, { replace: true });
  }

  return (
    <Button variant="quiet" isBusy={result.fetching} onClick={() => void decline()}>
      {texts.invitations.decline}
    </Button>
  );
}
