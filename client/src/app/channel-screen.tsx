import { useState } from 'react';
import { type ChannelItem, channelName } from '../channels/channel-list.ts';
import { useChannels } from '../channels/context.ts';
import { DeclineButton, Invitation, isInvitation } from '../channels/invitation.tsx';
import { JoinRoom } from '../channels/join-room.tsx';
import { LeaveRoom } from '../channels/leave-room.tsx';
import { Members } from '../channels/members.tsx';
import { useMatching } from '../matching/context.ts';
import { StrangerScreen } from '../matching/stranger-screen.tsx';
import { useMessaging } from '../messages/context.ts';
import { ConversationView } from '../messages/conversation-view.tsx';
import { Avatar, RoomAvatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { EmptyState } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { shortTime } from '../ui/time.tsx';
import { useReadable } from '../ui/use-readable.ts';

/** A room, a direct channel or an ended match. The present match is shown as in `StrangerScreen`. */
export function ChannelScreen({ channelId }: { channelId: string }) {
  const match = useReadable(useMatching());
  const listed = useReadable(useChannels()).channels.find(({ id }) => id === channelId);
  const { channel: loaded, status, failure } = useReadable(useMessaging().conversation(channelId));
  if (match.step === 'talking' && match.talk.channel.id === channelId) return <StrangerScreen />;

  const channel = listed ?? loaded;
  if (channel === null && status === 'ended') {
    if (failure?.code !== 'FORBIDDEN') return <ChannelNotFound />;
    return <JoinRoom channelId={channelId} />;
  }
  if (channel?.kind === 'ROOM' && isInvitation(channel)) return <Invitation channel={channel} />;
  return <ChannelPane channelId={channelId} channel={channel} />;
}

/** The header and the conversation of a channel; `channel` is null while it is loading. */
function ChannelPane({ channelId, channel }: { channelId: string; channel: ChannelItem | null }) {
  const [isListingMembers, setListingMembers] = useState(false);
  const isRoom = channel?.kind === 'ROOM';
  const isAsking = channel !== null && isInvitation(channel);
  return (
    <Pane
      title={channel ? channelName(channel) : ''}
      subtitle={isAsking ? texts.invitations.direct : channel && presenceText(channel)}
      picture={channel?.peer ? <Avatar user={channel.peer} isOnline={channel.peer.online} /> : isRoom && <RoomAvatar />}
      actions={
        isAsking ? (
          <DeclineButton channelId={channelId} />
        ) : (
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

function presenceText({ kind, memberCount, onlineCount, peer, closedAt }: ChannelItem): string {
  if (kind === 'ROOM')
    return onlineCount === null
      ? texts.rooms.members(memberCount)
      : texts.rooms.membersOnline(memberCount, onlineCount);
  if (closedAt !== null) return texts.list.ended;
  if (peer?.online) return texts.direct.online;
  return peer?.lastSeenAt ? texts.direct.lastSeen(shortTime(peer.lastSeenAt)) : texts.direct.away;
}

function ChannelNotFound() {
  return (
    <Pane title={texts.list.title}>
      <EmptyState title={texts.messages.notFound} hint={texts.messages.notFoundHint}>
        <Button variant="primary" onClick={() => navigate({ screen: 'stranger' })}>
          {texts.match.find}
        </Button>
      </EmptyState>
    </Pane>
  );
}
