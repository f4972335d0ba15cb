import { useViewer } from '../accounts/contexts.ts';
import { Avatar, RoomAvatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { EmptyState, FailureNote, Skeleton } from '../ui/notice.tsx';
import { href } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { shortTime, Time } from '../ui/time.tsx';
import { useReadable } from '../ui/use-readable.ts';
import { type ChannelItem, channelName, lastActivityAt } from './channel-list.ts';
import { useChannels } from './context.ts';
import { isInvitation } from './invitation.tsx';

/** The viewer's channels, latest activity first. `currentId`: id of the channel that is shown. */
export function ChannelListView({ currentId }: { currentId: string | null }) {
  const channels = useChannels();
  const list = useReadable(channels);

  return (
    <div className="channel-list">
      <h2 className="channel-list-title">{texts.list.title}</h2>
      {list.status === 'loading' && <Skeleton lines={5} />}
      {list.status === 'failed' && list.failure && (
        <FailureNote title={texts.list.failed} failure={list.failure} retry={() => void channels.load()} />
      )}
      {list.status === 'ready' && list.channels.length === 0 && (
        <EmptyState title={texts.list.empty} hint={texts.list.emptyHint} />
      )}
      <ul>
        {list.channels.map((channel) => (
          <li key={channel.id}>
            <ChannelRow channel={channel} isCurrent={channel.id === currentId} />
          </li>
        ))}
      </ul>
      {list.hasMore && (
        <Button variant="quiet" isWide onClick={() => void channels.loadMore()}>
          {texts.more}
        </Button>
      )}
    </div>
  );
}

function ChannelRow({ channel, isCurrent }: { channel: ChannelItem; isCurrent: boolean }) {
  const { viewerId } = useViewer();
  const unread = isCurrent ? 0 : (channel.viewerMembership?.unreadCount ?? 0);
  return (
    <a
      className="channel-row"
      href={href({ screen: 'channel', channelId: channel.id })}
      aria-current={isCurrent ? 'page' : undefined}
      data-unread={unread > 0 || undefined}
    >
      {channel.peer ? (
        <Avatar user={channel.peer} isOnline={channel.peer.online && !channel.closedAt} />
      ) : (
        <RoomAvatar />
      )}
      <span className="channel-row-name">{channelName(channel)}</span>
      <Time at={lastActivityAt(channel)} as={shortTime} />
      <span className="channel-row-preview">{preview(channel, viewerId)}</span>
      {unread > 0 && (
        <span className="badge">
          {unread > 99 ? '99+' : unread}
          <span className="hidden"> {texts.list.unread(unread)}</span>
        </span>
      )}
    </a>
  );
}

function preview(channel: ChannelItem, viewerId: string): string {
  const { lastMessage, kind, closedAt } = channel;
  if (isInvitation(channel) && kind === 'ROOM') return texts.invitations.preview;
  if (closedAt !== null && kind === 'MATCH') return texts.list.ended;
  if (!lastMessage) return texts.list.noMessages;
  const { author, deletedAt } = lastMessage;
  const text = lastMessage.text || texts.files.attachment;
  if (lastMessage.kind !== 'TEXT')
    return texts.messages.happened(lastMessage.kind, texts.nameOf(author), lastMessage.text);
  const shown = deletedAt === null ? text : texts.list.deleted;
  if (author.id === viewerId) return texts.list.preview(texts.you, shown);
  return kind === 'ROOM' ? texts.list.preview(texts.nameOf(author), shown) : shown;
}
