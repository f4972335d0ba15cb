import { useState } from 'react';
import { useMutation } from 'urql';
import { JoinRoomDocument, LeaveChannelDocument } from '../gql/graphql.ts';
import { StrangerScreen } from '../matching/stranger-screen.tsx';
import { ConversationView } from '../messages/conversation-view.tsx';
import { useWorkspace } from '../parley-context.tsx';
import { Avatar, RoomAvatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { EmptyState, FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { shortTime } from '../ui/time.tsx';
import { useReadable } from '../ui/use-readable.ts';
import { failureOf } from '../urql/errors.ts';
import type { ChannelItem } from './channel-list.ts';
import { channelName } from './channel-list-view.tsx';
import { Members } from './members.tsx';

/** A room, a direct channel, or a match that is over; the present match has its own screen. */
export function ChannelScreen({ channelId }: { channelId: string }) {
  const { channels, conversation, matching } = useWorkspace();
  const match = useReadable(matching);
  const list = useReadable(channels);
  const { channel: loaded, status, failure } = useReadable(conversation(channelId));
  const [isListingMembers, setListingMembers] = useState(false);
  if (match.step === 'talking' && match.talk.channel.id === channelId) return <StrangerScreen />;

  const channel = list.channels.find(({ id }) => id === channelId) ?? loaded;
  if (channel === null && status === 'ended' && failure?.code === 'FORBIDDEN')
    return <NotMember channelId={channelId} />;
  if (channel === null && status === 'ended') return <Gone />;
  const isRoom = channel?.kind === 'ROOM';
  return (
    <Pane
      title={channel ? channelName(channel) : ''}
      subtitle={channel && whoIsHere(channel)}
      picture={channel?.peer ? <Avatar user={channel.peer} isOnline={channel.peer.online} /> : isRoom && <RoomAvatar />}
      actions={
        isRoom && (
          <>
            <IconButton
              icon="people"
              label={texts.rooms.people}
              aria-expanded={isListingMembers}
              onClick={() => setListingMembers(!isListingMembers)}
            />
            <LeaveRoom channel={channel} />
          </>
        )
      }
    >
      <div className="channel-body">
        <ConversationView channelId={channelId} />
        {isListingMembers && <Members channelId={channelId} onClose={() => setListingMembers(false)} />}
      </div>
    </Pane>
  );
}

function whoIsHere({ kind, memberCount, onlineCount, peer, closedAt }: ChannelItem): string {
  if (kind === 'ROOM')
    return onlineCount === null
      ? texts.rooms.members(memberCount)
      : texts.rooms.membersOnline(memberCount, onlineCount);
  if (closedAt !== null) return texts.list.ended;
  if (peer?.online) return texts.direct.online;
  return peer?.lastSeenAt ? texts.direct.lastSeen(shortTime(peer.lastSeenAt)) : texts.direct.away;
}

function LeaveRoom({ channel }: { channel: ChannelItem }) {
  const { channels } = useWorkspace();
  const [isAsking, setAsking] = useState(false);
  const [result, leave] = useMutation(LeaveChannelDocument);
  const failure = failureOf(result.error);

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

function NotMember({ channelId }: { channelId: string }) {
  const { channels, conversation } = useWorkspace();
  const [result, join] = useMutation(JoinRoomDocument);
  const failure = failureOf(result.error);

  async function enter() {
    const { data } = await join({ channelId });
    if (!data?.joinRoom) return;
    channels.put(data.joinRoom);
    conversation(channelId).close();
    conversation(channelId).open();
  }

  return (
    <Pane title={texts.rooms.title} back={{ screen: 'rooms' }}>
      <EmptyState title={texts.rooms.notMember} hint={texts.rooms.notMemberHint}>
        <Button look="primary" isBusy={result.fetching} onClick={enter}>
          {texts.rooms.join}
        </Button>
      </EmptyState>
      {failure && <FailureNote failure={failure} />}
    </Pane>
  );
}

function Gone() {
  return (
    <Pane title={texts.list.title}>
      <EmptyState title={texts.messages.gone} hint={texts.messages.goneHint}>
        <Button look="primary" onClick={() => navigate({ screen: 'stranger' })}>
          {texts.match.find}
        </Button>
      </EmptyState>
    </Pane>
  );
}
