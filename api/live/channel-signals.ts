import { batched } from '../batched.ts';
import { type ChannelSignal, channelTopic, type Head } from '../events.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createVerification, type VerificationOptions } from './verification.ts';

/** A part of this gateway that follows channels. One listener can follow many of them. */
export interface ChannelListener {
  /**
   * Called with each change; also with a head alone, when a verification found a change that no signal told. A signal that was
   * repeated may come after those of later changes, and more than once.
   */
  onSignal(signal: ChannelSignal): void;
  /** Called when the database has an older state than was known: it was restored. By default `onSignal` is called. */
  onRestored?(head: Head): void;
  /** Returns the position up to which the listener has a channel; it may be above that of the signals. */
  last?(): number;
}

/** Reads heads from the database. */
export interface HeadSource {
  /** Returns the heads of many channels in one query, without the channels that do not exist. */
  heads(channelIds: readonly string[]): Promise<ReadonlyMap<string, Head>>;
}

/** A followed channel, with its newest state that is known. */
interface Followed extends Omit<Head, 'changed' | 'through'> {
  listeners: ChannelListener[];
  /** Null once the subscription is live and the state is known. */
  opening: Promise<void> | null;
  unsubscribe: Unsubscribe | null;
}

/** Maximum number of heads that one statement reads, and of a second of the verification. */
const defaultPerSecond = 1_000;

/**
 * Follows the channels in which somebody on this gateway is interested: one subscription for each, shared by all listeners. It
 * knows the newest state of each channel, and verifies it against the database.
 */
export function createChannelSignals(
  options: {
    pubsub: PubSub;
    source: HeadSource;
    perSecond?: number;
    logger: Logger;
  } & Pick<VerificationOptions, 'everyMs' | 'awayMs'>,
) {
  const { pubsub, source, perSecond = defaultPerSecond, logger } = options;
  const channels = new Map<string, Followed>();
  const readHead = batched(async (channelIds: readonly string[]) => {
    const found = await source.heads(channelIds);
    return channelIds.map((channelId) => found.get(channelId) ?? emptyHead(channelId));
  });
  const verification = createVerification({
    ...options,
    subject: 'channels',
    followed: channels,
    verify,
    perSecond,
  });

  return {
    /**
     * Adds a listener to a channel, unless it follows the channel. It gets each change after the returned state.
     * @throws the error that kept the channel from being followed
     */
    async follow(channelId: string, listener: ChannelListener): Promise<Head> {
      const followed = channels.get(channelId) ?? open(channelId);
      if (!followed.listeners.includes(listener)) followed.listeners = followed.listeners.concat(listener);
      if (followed.opening) await followed.opening;
      return headOf(followed);
    },
    /** Removes a listener from a channel; does nothing if it does not follow it. */
    unfollow(channelId: string, listener: ChannelListener): void {
      const followed = channels.get(channelId);
      const index = followed?.listeners.indexOf(listener) ?? -1;
      if (followed === undefined || index < 0) return;
      // Copied, as it may be called while a signal is handed to the listeners.
      followed.listeners = followed.listeners.toSpliced(index, 1);
      if (followed.listeners.length === 0) close(followed);
    },
    /** Returns the newest known state of a followed channel; null if it is not followed. */
    head: (channelId: string): Head | null => {
      const followed = channels.get(channelId);
      return followed === undefined || followed.opening ? null : headOf(followed);
    },
    /** Number of followed channels, for metrics and tests. */
    size: () => channels.size,
    /** Returns true while signals may be missing. */
    mayMiss: verification.mayMiss,
    check: verification.check,
    start: verification.start,
    stop: verification.stop,
  };

  function open(channelId: string): Followed {
    const followed = createFollowed(channelId);
    channels.set(channelId, followed);
    followed.opening = start(followed);
    return followed;
  }

  async function start(followed: Followed): Promise<void> {
    try {
      followed.unsubscribe = await pubsub.subscribe(channelTopic(followed.channelId), receive);
      if (!isOpen(followed)) return end(followed);
      advance(followed, await readHead(followed.channelId));
      followed.opening = null;
    } catch (error) {
      close(followed);
      throw error;
    }
  }

  function isOpen(followed: Followed): boolean {
    return channels.get(followed.channelId) === followed;
  }

  function close(followed: Followed): void {
    if (isOpen(followed)) channels.delete(followed.channelId);
    end(followed);
  }

  function end({ unsubscribe }: Followed): void {
    unsubscribe?.().catch((error: unknown) => logger.debug({ error }, 'a channel was not unsubscribed cleanly'));
  }

  function receive(signal: ChannelSignal): void {
    const { head, entries, profileOf } = signal;
    const followed = channels.get(head.channelId);
    if (followed === undefined) return;
    // The newest head tells nothing once more. An older one does: later signals overtook it while it was repeated.
    const isKnown = head.version === followed.version && !head.changed && entries.length === 0;
    // The head beside a changed profile was read from the database: signals of the changes up to it may be under way.
    if (profileOf === undefined) advance(followed, head);
    if (!isKnown || profileOf !== undefined) tell(followed, signal);
  }

  function tell({ listeners }: Followed, signal: ChannelSignal): void {
    for (const listener of listeners) listener.onSignal(signal);
  }

  async function verify(channelIds: readonly string[]): Promise<void> {
    const known = channelIds.map(stateBefore);
    const found = await source.heads(channelIds);
    for (const [n, channelId] of channelIds.entries()) {
      const followed = channels.get(channelId);
      const before = known[n];
      if (followed === undefined || before?.followed !== followed) continue;
      compare(followed, before, found.get(channelId) ?? emptyHead(channelId));
    }
  }

  /** Returns the state that the database must have at least; null for a channel that is not open yet. */
  function stateBefore(channelId: string): StateBefore | null {
    const followed = channels.get(channelId);
    if (followed === undefined || followed.opening) return null;
    const { version } = followed;
    return { followed, version, position: lastOf(followed) };
  }

  function compare(followed: Followed, before: StateBefore, head: Head): void {
    if (head.version < before.version || head.position < before.position) restore(followed, head);
    else if (head.version > followed.version || head.position > followed.position) {
      advance(followed, head);
      tell(followed, { head, entries: [] });
    }
  }

  function restore(followed: Followed, head: Head): void {
    Object.assign(followed, stateOf(head));
    for (const listener of followed.listeners) {
      if (listener.onRestored) listener.onRestored(head);
      else listener.onSignal({ head, entries: [] });
    }
  }
}

/** The channels that are followed on this gateway, made by `createChannelSignals`. */
export type ChannelSignals = ReturnType<typeof createChannelSignals>;

/** Written out, as objects made by spreading have a hidden class each, which takes more memory than they do. */
function createFollowed(channelId: string): Followed {
  return {
    channelId,
    listeners: [],
    opening: null,
    unsubscribe: null,
    position: 0,
    seq: 0,
    version: -1,
    partition: -1,
    offset: -1,
  };
}

interface StateBefore {
  followed: Followed;
  version: number;
  position: number;
}

function lastOf({ position, listeners }: Followed): number {
  let last = position;
  for (const listener of listeners) last = Math.max(last, listener.last?.() ?? -1);
  return last;
}

/** Takes over a newer state. The partition of a channel never changes. */
function advance(followed: Followed, head: Head): void {
  if (head.partition >= 0) followed.partition = head.partition;
  if (head.version > followed.version) {
    followed.version = head.version;
    followed.seq = head.seq;
  }
  if (head.position > followed.position) followed.position = head.position;
  if (head.offset > followed.offset) followed.offset = head.offset;
}

function stateOf({ position, seq, version, offset }: Head) {
  return { position, seq, version, offset };
}

function headOf({ channelId, position, seq, version, partition, offset }: Followed): Head {
  return { channelId, position, seq, version, partition, offset, changed: false, through: -1 };
}

/** Returns the head of a channel that does not exist. */
function emptyHead(channelId: string): Head {
  return { channelId, position: 0, seq: 0, version: 0, partition: -1, offset: -1, changed: true, through: -1 };
}
