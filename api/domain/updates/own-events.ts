import type { ListRound } from '../../list-round.ts';
import type { SplicedCursor } from '../../live/result-frames.ts';
import type { ListEvent, ListRounds, RoundFollower } from '../list-rounds.ts';
import type { UpdateEvent } from './sweep.ts';

/** Kinds of events about one channel, each with its bit. */
const kinds = { membership: 1, channel: 2, resync: 4 } as const;
type ChannelEventKind = keyof typeof kinds;

/** Events that may be told, and their round. */
export interface ReleasedEvents {
  events: readonly UpdateEvent[];
  round: ListRound;
  /** Must be called once they are told. */
  done(): void;
}

/** An event that is told in rounds. */
export type OwnEvent = Exclude<UpdateEvent, { type: 'message' }>;

/** Keys of the events that are about no channel. */
const userKey = 'user:';
const matchKey = 'match:';

/**
 * Collects the events of a stream that are not messages. Those about the same channel or user are joined, and told at most once a
 * second, in a round with other streams. The stream's cursor is frozen until they are told.
 * @param options.ownerId the user of the stream
 * @param options.onReady called when `take` has something
 */
export function createOwnEvents(options: {
  ownerId: string;
  rounds: Pick<ListRounds, 'add' | 'remove'>;
  cursor: Pick<SplicedCursor, 'freeze' | 'thaw'>;
  onReady(): void;
}) {
  const { ownerId, rounds, cursor, onReady } = options;
  /** Kinds of the events that are not told yet, by channel; 0 for events about no channel. */
  const pending = new Map<string, number>();
  const released: ListEvent[] = [];
  const follower: RoundFollower = {
    waiting: new Set(),
    release(event) {
      released.push(event);
      onReady();
    },
  };

  return {
    /** Adds an event, unless an equal one is not told yet. */
    add(event: OwnEvent): void {
      if (event.type === 'user') join(`${userKey}${event.userId}`, 0);
      // Matches of different users have no rows in common.
      else if (event.type === 'match') join(`${matchKey}${ownerId}`, 0);
      else join(event.channelId, kinds[event.type]);
    },
    /** Returns the next events that may be told; null if there are none. */
    take(): ReleasedEvents | null {
      const event = released.shift();
      if (event === undefined) return null;
      const { channelId: key, round } = event;
      const events = eventsOf(key, pending.get(key) ?? 0);
      pending.delete(key);
      return { events, round, done: cursor.thaw };
    },
    /** Drops all events. */
    end: () => rounds.remove(follower),
  };

  function join(key: string, bits: number): void {
    const present = pending.get(key);
    pending.set(key, (present ?? 0) | bits);
    if (present !== undefined) return;
    cursor.freeze();
    rounds.add(follower, key);
  }
}

/** See `createOwnEvents`. */
export type OwnEvents = ReturnType<typeof createOwnEvents>;

function eventsOf(key: string, bits: number): UpdateEvent[] {
  if (key.startsWith(userKey)) return [{ type: 'user', userId: key.slice(userKey.length) }];
  if (key.startsWith(matchKey)) return [{ type: 'match' }];
  const names = Object.keys(kinds) as ChannelEventKind[];
  return names.filter((type) => (bits & kinds[type]) !== 0).map((type) => ({ type, channelId: key }));
}
