import { createFairQueue } from '../fair-queue.ts';
import { ignore } from '../ignore.ts';
import { createListRound, type ListRoundEvent } from '../list-round.ts';
import type { Pacer } from '../pacer.ts';

/** A change of a channel, for one follower. */
export interface ListEvent extends ListRoundEvent {
  channelId: string;
}

/** One subscription to a list of channels. */
export interface Follower {
  /** Channels that have changed and whose round has not begun. */
  waiting: Set<string>;
  /** Yields the changes as their rounds release them, until the signal is aborted. */
  events(signal: AbortSignal): AsyncGenerator<ListEvent, void>;
  /** Hands over a change; one of the same channel that was not read yet is replaced. */
  release(event: ListEvent): void;
}

/** Maximum number of followers whose updates are executed at the same time in a round: the rows of a few statements. */
const defaultPartSize = 250;
/** Number of rounds that run at the same time: one may wait for the database while another one executes. */
const concurrency = 2;

/**
 * Creates the rounds of a node in which followers learn of changed channels. The changes of one channel are collected, and a
 * round tells all of its followers, so that they share the statements of their executions. Large rounds have several parts, and
 * channels take turns with theirs.
 * @param options.windowMs milliseconds between the rounds of one channel
 */
export function createListRounds(options: { windowMs: number; pacer: Pacer; partSize?: number }) {
  const { windowMs, pacer, partSize = defaultPartSize } = options;
  const waiting = new Map<string, Set<Follower>>();
  /** Channels whose round runs, or ended less than `windowMs` ago; then with the timer of that time. */
  const busy = new Map<string, NodeJS.Timeout | null>();
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
    add(follower: Follower, channelId: string): void {
      follower.waiting.add(channelId);
      const followers = waiting.get(channelId);
      if (followers) followers.add(follower);
      else waiting.set(channelId, new Set([follower]));
      begin(channelId);
    },
    /** Removes a follower, whose subscription has ended. */
    remove(follower: Follower): void {
      for (const channelId of follower.waiting) {
        const followers = waiting.get(channelId);
        followers?.delete(follower);
        if (followers?.size === 0) waiting.delete(channelId);
      }
      follower.waiting.clear();
    },
    /** Returns the number of updates whose round has not begun. */
    size: () => [...waiting.values()].reduce((sum, { size }) => sum + size, 0),
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
      await parts.run(channelId, () => runPart(event, followers.slice(from, from + partSize)));
    }
    if (isStopped) return;
    busy.set(
      channelId,
      setTimeout(() => end(event), windowMs),
    );
  }

  function end({ channelId, round }: ListEvent): void {
    Object.assign(round, { isOver: true, shared: null });
    busy.delete(channelId);
    if (waiting.has(channelId)) begin(channelId);
  }
}

/** Releases an event to followers, and resolves once their executions have ended. */
async function runPart(event: ListEvent, followers: readonly Follower[]): Promise<void> {
  // The part may have waited for long: it loads newer rows than the one before.
  event.round.shared = null;
  const release = async (follower: Follower) => {
    await event.round.turn();
    follower.release(event);
  };
  await Promise.all(followers.map(release));
  await event.round.settled();
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
