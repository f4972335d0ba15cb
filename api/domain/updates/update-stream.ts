import { createAlarm } from '../../alarm.ts';
import { ForbiddenError, ResyncRequiredError } from '../../errors.ts';
import type { Entry } from '../../events.ts';
import { ignore } from '../../ignore.ts';
import type { Attachment } from '../../live/audiences.ts';
import type { ChannelFeed } from '../../live/channel-feed.ts';
import type { Reader } from '../../live/live-source.ts';
import type { StreamCursor } from '../../live/stream-cursors.ts';
import type { HubChannels } from './hub-channels.ts';
import type { HubUsers } from './hub-users.ts';
import type { ShownEvent, UpdateConsumer } from './live-update.ts';
import type { OwnEvents } from './own-events.ts';
import type { BacklogUpdate } from './sweep.ts';
import type { Resumed, Updates } from './updates.ts';
import type { HubUser, UserStream } from './user-changes.ts';

/** Maximum number of lost channels that a stream remembers. Above it, every channel that the user joins is loaded again. */
const maxLost = 1_000;

/** Thrown into a resume whose stream has ended. */
class EndedError extends Error {
  override readonly name = 'EndedError';
}

/** One live stream of everything that concerns a user. */
export interface UpdateStream extends UserStream {
  /**
   * Begins the resume, and resolves once it is clear that it can be done.
   * @param after see `Updates.resume`, as for `isWanted`
   * @throws the errors of `Updates.resume`
   */
  open(after: string | null, isWanted?: () => boolean): Promise<void>;
  /** Hands the stream over to its consumer. */
  serve(consumer: UpdateConsumer): void;
  /** Whether the stream is live and has everything that was heard of. */
  isComplete(): boolean;
  /** Tells the client that it has everything. */
  keepAlive(at: Date): void;
}

/** See `createUpdateStream`. */
interface UpdateStreamOptions {
  user: HubUser;
  users: Pick<HubUsers, 'leave' | 'onRemoved'>;
  channels: Pick<HubChannels, 'join' | 'isSettled'>;
  backlog: Pick<Updates, 'resume'>;
  cursor: StreamCursor;
  createOwn(onReady: () => void): OwnEvents;
  /** Called when the stream has resumed, before it is live. */
  onResumed(stream: UpdateStream, resumed: Resumed): void;
  /** Called once when the stream ends, with the error if there is one. */
  onEnd(stream: UpdateStream, error?: Error): void;
}

/**
 * Creates a stream of everything that concerns a user. It follows the user's channels from the beginning, delivers the backlog, says
 * that it has caught up, and is live then.
 */
export function createUpdateStream(options: UpdateStreamOptions): UpdateStream {
  const { user, users, channels, backlog, cursor, onResumed, onEnd } = options;
  const alarm = createAlarm();
  const ending = new AbortController();
  const { signal } = ending;
  const own = options.createOwn(alarm.ring);
  const lostIds = new Set<string>();
  let serve: (consumer: UpdateConsumer) => void = ignore;
  const served = new Promise<UpdateConsumer>((resolve) => {
    serve = resolve;
  });
  let consumer: UpdateConsumer | null = null;
  let isLive = false;
  let mustHeal = false;
  let isTelling = false;

  const stream: UpdateStream = {
    cursor,
    own,
    serve: (taken) => serve(taken),
    async open(after, isWanted) {
      user.streams.add(stream);
      let start: () => void = ignore;
      const started = new Promise<void>((resolve) => {
        start = resolve;
      });
      const take = (updates: readonly BacklogUpdate[]) => {
        start();
        return deliver(updates);
      };
      const resuming = backlog.resume(user.userId, after, take, isWanted);
      void run(resuming);
      await Promise.race([resuming, started]);
    },
    isComplete() {
      if (!isLive || cursor.isFrozen()) return false;
      for (const channelId of user.channels.keys()) if (!channels.isSettled(channelId)) return false;
      return true;
    },
    keepAlive(at) {
      // A reader may take long for it.
      if (isTelling) return;
      isTelling = true;
      tell([{ type: 'caughtUp', at }]).then(() => {
        isTelling = false;
      }, end);
    },
    attach(feed: ChannelFeed, reader: Reader<Entry>, onDetach: (error?: Error) => void): Attachment {
      if (consumer === null) throw new Error('a stream without a consumer is not live');
      return consumer.attach(feed, reader, onDetach);
    },
    onDetached(channelId, error) {
      if (error instanceof ForbiddenError) users.onRemoved(user, channelId);
      else end(error);
    },
    onGained(channelId, position) {
      own.add({ type: 'membership', channelId });
      own.add({ type: 'channel', channelId });
      if (lostIds.has(channelId) || lostIds.size > maxLost) own.add({ type: 'resync', channelId });
      if (isLive) channels.join(channelId, { user, stream, position });
    },
    onLost(channelId) {
      if (lostIds.size <= maxLost) lostIds.add(channelId);
      own.add({ type: 'membership', channelId });
    },
    heal,
    end,
  };
  return stream;

  async function run(resuming: Promise<Resumed>): Promise<void> {
    try {
      const resumed = await resuming;
      consumer = await served;
      if (signal.aborted) return;
      onResumed(stream, resumed);
      await tell([{ type: 'caughtUp', at: new Date(resumed.cursor.from.time) }]);
      if (signal.aborted) return;
      goLive(resumed);
      if (mustHeal) await heal();
      await tellOwn();
    } catch (error) {
      end(toError(error));
    }
  }

  /** Delivers a part of the backlog. */
  async function deliver(updates: readonly BacklogUpdate[]): Promise<void> {
    const taken = await served;
    if (!signal.aborted) await taken.page(updates);
    if (signal.aborted) throw new EndedError('the stream has ended');
  }

  /** From here on, messages above the resumed positions come from the feeds. */
  function goLive({ positions }: Resumed): void {
    for (const [channelId, position] of user.channels)
      channels.join(channelId, { user, stream, position: positions.get(channelId) ?? position });
    user.live.add(stream);
    isLive = true;
    cursor.thaw();
  }

  async function tellOwn(): Promise<void> {
    while (!signal.aborted) {
      const released = own.take();
      if (released === null) {
        await alarm.wait(signal);
        continue;
      }
      const events = released.events.filter(isVisible);
      if (events.length > 0) await consumer?.tell(events, released.round);
      released.done();
    }
  }

  /** The membership of a lost channel is shown as null, and nothing else of it. */
  function isVisible(event: ShownEvent): boolean {
    if (event.type === 'channel' && user.invitations.has(event.channelId)) return true;
    return (event.type !== 'channel' && event.type !== 'resync') || user.channels.has(event.channelId);
  }

  async function tell(events: readonly ShownEvent[]): Promise<void> {
    await consumer?.tell(events, null);
  }

  /** Messages come from feeds, which look for themselves. */
  async function heal(): Promise<void> {
    mustHeal = !isLive;
    if (mustHeal) return;
    cursor.freeze();
    try {
      await backlog.resume(user.userId, cursor.text(), addOwn);
    } catch (error) {
      if (!(error instanceof ResyncRequiredError || error instanceof EndedError)) throw error;
      end(error);
    } finally {
      cursor.thaw();
    }
  }

  function addOwn(updates: readonly BacklogUpdate[]): void {
    if (signal.aborted) throw new EndedError('the stream has ended');
    for (const { event } of updates) if (event.type !== 'message') own.add(event);
  }

  function end(error?: Error): void {
    if (signal.aborted) return;
    ending.abort();
    own.end();
    users.leave(user, stream);
    onEnd(stream, error instanceof EndedError ? undefined : error);
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
