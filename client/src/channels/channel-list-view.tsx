import { useWorkspace } from '../parley-context.tsx';
import { Avatar, RoomAvatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { EmptyState, FailureNote, Skeleton } from '../ui/notice.tsx';
import { href, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { shortTime, Time } from '../ui/time.tsx';
import { useReadable } from '../ui/use-readable.ts';
import { activityOf, type ChannelItem } from './channel-list.ts';

/** The viewer's channels, latest activity first. */
export function ChannelListView({ route }: { route: Route }) {
  const { channels, matching } = useWorkspace();
  const list = useReadable(channels);
  const match = useReadable(matching);
  const current = route.screen === 'channel' ? route.channelId : null;
  const talking = match.step === 'talking' && route.screen === 'stranger' ? match.talk.channel.id : null;

  return (
    <div className="channel-list">
      <h2 className="channel-list-title">{texts.list.title}</h2>
      {list.status === 'loading' && <Skeleton lines={5} />}
      {list.status === 'failed' && list.failure && (
        <FailureNote what={texts.list.failed} failure={list.failure} retry={() => void channels.load()} />
      )}
      {list.status === 'ready' && list.channels.length === 0 && (
        <EmptyState title={texts.list.empty} hint={texts.list.emptyHint} />
      )}
      <ul>
        {list.channels.map((channel) => (
          <li key={channel.id}>
            <ChannelRow channel={channel} isCurrent={channel.id === current || channel.id === talking} />
          </li>
        ))}
      </ul>
      {list.hasMore && (
        <Button look="quiet" isWide onClick={() => void channels.more()}>
          {texts.more}
        </Button>
      )}
    </div>
  );
}

function ChannelRow({ channel, isCurrent }: { channel: ChannelItem; isCurrent: boolean }) {
  const { viewerId } = useWorkspace();
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
      <Time at={activityOf(channel)} as={shortTime} />
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

/** What a channel is called: a room by its name, a talk by the other one's. */
export function channelName({ name, peer }: Pick<ChannelItem, 'name' | 'peer'>): string {
  return name ?? peer?.name ?? texts.match.stranger;
}

function preview({ lastMessage, kind, closedAt }: ChannelItem, viewerId: string): string {
  if (closedAt !== null && kind === 'MATCH') return texts.list.ended;
  if (!lastMessage) return texts.list.nothingSaid;
  const { author, deletedAt } = lastMessage;
  const text = lastMessage.text || texts.files.one;
  if (lastMessage.kind !== 'TEXT') return texts.messages.happened(lastMessage.kind, author.name);
  const said = deletedAt === null ? text : texts.list.deleted;
  if (author.id === viewerId) return texts.list.preview(texts.you, said);
  return kind === 'ROOM' ? texts.list.preview(author.name, said) : said;
}
