import { createFairQueue } from '../fair-queue.ts';
import { ignore } from '../ignore.ts';
import { createListRound, type ListRound, type ListRoundEvent } from '../list-round.ts';
import type { Pacer } from '../pacer.ts';

/** A change of a channel, for one follower. */
export interface ListEvent extends ListRoundEvent {
  channelId: string;
  round: ListRound;
}

/** A subscription that learns of changes in rounds. */
export interface RoundFollower {
  /** Channels that have changed and whose round has not begun. */
  waiting: Set<string>;
  /** Hands over a change; one of the same channel that was not read yet is replaced. */
  release(event: ListEvent): void;
}

/** One subscription to a list of channels. */
export interface Follower extends RoundFollower {
  /** Yields the changes as their rounds release them, until the signal is aborted. */
  events(signal: AbortSignal): AsyncGenerator<ListEvent, void>;
}

/** Maximum number of followers whose updates are executed at the same time in a round: the rows of a few statements. */
const defaultPartSize = 250;
/** Number of rounds that run at the same time: one may wait for the database while another one executes. */
const concurrency = 2;
/** Key of the parts with present states in the queue. */
const presentKey = 'present';

/**
 * Creates the rounds of a node in which followers learn of changed channels. The changes of one channel are collected, and a
 * round tells all of its followers, so that they share the statements of their executions. Large rounds have several parts, and
 * channels take turns with theirs.
 * @param options.windowMs milliseconds between the rounds of one channel
 */
export function createListRounds(options: { windowMs: number; pacer: Pacer; partSize?: number }) {
  const { windowMs, pacer, partSize = defaultPartSize } = options;
  const waiting = new Map<string, Set<RoundFollower>>();
  /** Channels whose round runs, or ended less than `windowMs` ago; then with the timer of that time. */
  const busy = new Map<string, NodeJS.Timeout | null>();
  /** Channels whose present state followers have yet to get. */
  const present = new Map<RoundFollower, string[]>();
  let isPresenting = false;
  let isStopped = false;
  // A channel has one part in the queue, so that the channels that are followed here bound it.
  const parts = createFairQueue({
    concurrency,
    maxWaiting: Number.POSITIVE_INFINITY,
    maxWaitingOfKey: 1,
    onFull: () => new Error('a channel has one part of a round at a time'),
  });

  return {
    createFollower,
    /** Tells a follower of a changed channel in the next round of that channel. */
    add(follower: RoundFollower, channelId: string): void {
      follower.waiting.add(channelId);
      const followers = waiting.get(channelId);
      if (followers) followers.add(follower);
      else waiting.set(channelId, new Set([follower]));
      begin(channelId);
    },
    /**
     * Tells a follower of the present state of channels, in their order. Followers who come at the same time share rounds, in each
     * of which one has one channel.
     */
    addPresent(follower: RoundFollower, channelIds: readonly string[]): void {
      if (channelIds.length === 0) return;
      present.set(follower, channelIds.toReversed());
      if (isPresenting) return;
      isPresenting = true;
      queueMicrotask(() => void runPresent());
    },
    /** Removes a follower, whose subscription has ended. */
    remove(follower: RoundFollower): void {
      present.delete(follower);
      for (const channelId of follower.waiting) {
        const followers = waiting.get(channelId);
        followers?.delete(follower);
        if (followers?.size === 0) waiting.delete(channelId);
      }
      follower.waiting.clear();
    },
    /** Returns the number of updates whose round has not begun. */
    size: () =>
      [...waiting.values()].reduce((sum, { size }) => sum + size, 0) +
      [...present.values()].reduce((sum, { length }) => sum + length, 0),
    /** Begins no further round. */
    stop(): void {
      isStopped = true;
      for (const timer of busy.values()) clearTimeout(timer ?? undefined);
    },
  };

  function begin(channelId: string): void {
    if (isStopped || busy.has(channelId)) return;
    busy.set(channelId, null);
    // Not at once, so that everybody who learns of the change in this moment belongs to the round.
    queueMicrotask(() => void run(channelId));
  }

  async function run(channelId: string): Promise<void> {
    const followers = [...(waiting.get(channelId) ?? [])];
    waiting.delete(channelId);
    for (const follower of followers) follower.waiting.delete(channelId);
    const event = { channelId, round: createListRound(pacer) };
    for (let from = 0; from < followers.length; from += partSize) {
      const part = followers.slice(from, from + partSize).map((follower) => ({ follower, event }));
      await parts.run(channelId, () => runPart(event.round, part));
    }
    if (isStopped) return;
    busy.set(
      channelId,
      setTimeout(() => end(event), windowMs),
    );
  }

  /** Runs parts in which each follower gets one channel, until nobody waits for a present state. */
  async function runPresent(): Promise<void> {
    while (present.size > 0 && !isStopped) {
      const round = createListRound(pacer);
      await parts.run(presentKey, () => runPart(round, takePresent(round)));
      endRound(round);
    }
    isPresenting = false;
  }

  /** Takes the next channel of those followers who have waited longest. */
  function takePresent(round: ListRound): Release[] {
    const part: Release[] = [];
    for (const [follower, channelIds] of [...present].slice(0, partSize)) {
      const channelId = channelIds.pop();
      present.delete(follower);
      if (channelIds.length > 0) present.set(follower, channelIds);
      if (channelId !== undefined) part.push({ follower, event: { channelId, round } });
    }
    return part;
  }

  function end({ channelId, round }: ListEvent): void {
    endRound(round);
    busy.delete(channelId);
    if (waiting.has(channelId)) begin(channelId);
  }
}

/** The rounds of a node, made by `createListRounds`. */
export type ListRounds = ReturnType<typeof createListRounds>;

/** A change that a follower is told of in a part of a round. */
interface Release {
  follower: RoundFollower;
  event: ListEvent;
}

/** Releases events to followers, and resolves once their executions have ended. */
async function runPart(round: ListRound, part: readonly Release[]): Promise<void> {
  // The part may have waited for long: it loads newer rows than the one before.
  round.shared = null;
  const release = async ({ follower, event }: Release) => {
    await round.turn();
    follower.release(event);
  };
  await Promise.all(part.map(release));
  await round.settled();
}

function endRound(round: ListRound): void {
  Object.assign(round, { isOver: true, shared: null });
}

function createFollower(): Follower {
  const released = new Map<string, ListEvent>();
  let wake: () => void = ignore;

  return {
    waiting: new Set(),
    release(event) {
      released.set(event.channelId, event);
      wake();
    },
    async *events(signal) {
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const [event] = released.values();
        if (event) {
          released.delete(event.channelId);
          yield event;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
