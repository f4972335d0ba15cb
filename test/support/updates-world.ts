import { v5 as uuidV5 } from 'uuid';
import { createBridge } from '../../api/bridge/bridge.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { NewEvent } from '../../api/events.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { noBridgeMetrics } from './bridge-metrics.ts';
import type { TestDatabase } from './database.ts';
import { base, factsOf, idOf } from './events.ts';
import { createTestLogger } from './logger.ts';
import { createLossyPubSub } from './lossy-pubsub.ts';

/** Channels of the world, of which the last one is on partition 1 and the others are on partition 0. */
export const worldChannels = ['first room', 'second room', 'third room'].map(idOf);

/**
 * Creates rooms with their owner, over a bridge that applies events one at a time.
 * @param pubsub takes the signals of the bridge; by default nobody hears them
 */
export async function createUpdatesWorld(database: TestDatabase, pubsub: PubSub = createLossyPubSub(() => 'deliver')) {
  const logger = createTestLogger();
  const bridge = createBridge({
    log: createMemoryEventLog({ logger }),
    database,
    pubsub,
    metrics: noBridgeMetrics,
    logger,
    connections: 5,
  });
  const next = [0n, 0n];
  for (const partition of next.keys()) await bridge.assigned(partition, { id: 'log', partitions: 2, bounds: null });
  const world = { apply, applyAll, editAsBefore, in: inChannel };
  for (const channelId of worldChannels) await apply(openedBy('owner', channelId));
  return world;

  async function apply(event: NewEvent): Promise<void> {
    await applyAll([event]);
  }

  /** Applies events of one channel in one batch. */
  async function applyAll(events: readonly NewEvent[]): Promise<void> {
    const partition = partitionOf(events[0]?.channelId);
    const from = next[partition] ?? 0n;
    const records = events.map((event, n) => ({ ...encodeEvent(event), offset: from + BigInt(n) }));
    next[partition] = await bridge.handle({ partition, records });
  }

  /** Edits the newest entry of a channel as a bridge of the release before, which stores no places, applies an event. */
  async function editAsBefore(channelId: string): Promise<void> {
    const partition = partitionOf(channelId);
    await database.query(
      `WITH raised AS (UPDATE channel SET position = position + 1, version = version + 1 WHERE id = $1 RETURNING *)
       UPDATE entry SET text = text || '!', revision = entry.revision + 1, position = raised.position
       FROM raised WHERE entry.channel_id = $1 AND entry.seq = raised.seq`,
      [channelId],
    );
    next[partition] = (next[partition] ?? 0n) + 1n;
    await database.query('UPDATE log_position SET next_offset = next_offset + 1 WHERE partition = $1', [partition]);
  }

  /** Moves an event to a channel, and bases it on the present state. */
  async function inChannel(event: NewEvent, channelId: string): Promise<NewEvent> {
    const moved = { ...event, channelId };
    const own = (id: string) => uuidV5(id, channelId);
    switch (moved.type) {
      case 'MemberJoined':
        return { ...moved, revision: await revisionOf(channelId, moved.user.id) };
      case 'MemberLeft':
        return { ...moved, revision: await revisionOf(channelId, moved.userId) };
      case 'MessageEdited': {
        const messageId = own(moved.messageId);
        const sql = 'SELECT revision FROM entry WHERE id = $1';
        const [found] = await database.query<{ revision: number }>(sql, [messageId]);
        return { ...moved, messageId, revision: found?.revision ?? 0 };
      }
      case 'MessageDeleted':
      case 'ReactionAdded':
      case 'ReactionRemoved':
        return { ...moved, messageId: own(moved.messageId) };
      case 'MessageSent':
        return {
          ...moved,
          messageId: own(moved.messageId),
          replyToId: moved.replyToId && own(moved.replyToId),
          attachments: [],
        };
      default:
        return moved;
    }
  }

  async function revisionOf(channelId: string, userId: string): Promise<number> {
    const sql = 'SELECT revision FROM member WHERE channel_id = $1 AND user_id = $2';
    const [found] = await database.query<{ revision: number }>(sql, [channelId, userId]);
    return found?.revision ?? 0;
  }
}

/** Returns the partition of a channel. */
export const partitionOf = (channelId: string | undefined) => (channelId === worldChannels.at(-1) ? 1 : 0);

/** Creates the event that opens a room. */
function openedBy(owner: 'owner' | 'ada', channelId: string): NewEvent {
  const members = [{ user: factsOf(owner), role: 'OWNER' as const }];
  const opened = { type: 'ChannelOpened', kind: 'ROOM', visibility: 'PUBLIC', name: 'Room', members } as const;
  return { ...base(owner), ...opened, channelId, members };
}

/** Creates the event by which somebody joins a room for the first time. */
export function joinedBy(who: 'ada' | 'bob', channelId: string): NewEvent {
  return { ...base(who), channelId, type: 'MemberJoined', user: factsOf(who), revision: 0 };
}

/** Creates the event by which somebody sends a message. */
export function sentBy(author: 'owner' | 'ada' | 'bob', text: string, channelId: string): NewEvent {
  const messageId = uuidV5(`${author} ${text}`, channelId);
  const sent = { type: 'MessageSent', messageId, clientId: text, text, replyToId: null, attachments: [] } as const;
  return { ...base(author), ...sent, channelId, attachments: [] };
}
