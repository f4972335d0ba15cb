import { Readable } from 'node:stream';
import { ConflictError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int8, nullable, text, uuid } from '../infra/database/types.ts';

/** Whose room a file takes. */
export interface FileOwner {
  /** Of the file. */
  id: string;
  userId: string;
  /** Null: it takes the user's room alone. */
  channelId: string | null;
}

/** Bounds on all files of one owner, in bytes. */
export interface Quotas {
  user: number;
  channel: number;
}

/**
 * What users and channels may have of files: those that are stored, those that are announced to be posted, and those on their way
 * in through this process.
 */
export function createQuotas(options: { database: Pick<Database, 'query' | 'transaction'>; bounds: Quotas }) {
  const { database, bounds } = options;
  /** Bytes that came in and are not stored yet, by owner. */
  const arriving = new Map<string, number>();

  /** The room that is left, in bytes, for each owner of a file; the file itself takes none. */
  async function roomFor(query: Query, { id, userId, channelId }: FileOwner): Promise<Room[]> {
    const [used] = await query(selectUsedBytes, { userId, channelId, fileId: id });
    const user = {
      owner: `user:${userId}`,
      left: bounds.user - Number(used?.user),
      bound: bounds.user,
      who: 'You have',
    };
    if (channelId === null) return [user];
    const left = bounds.channel - Number(used?.channel);
    return [user, { owner: `channel:${channelId}`, left, bound: bounds.channel, who: 'This channel has' }];
  }

  function add(rooms: readonly Room[], bytes: number): void {
    for (const { owner } of rooms) {
      const sum = (arriving.get(owner) ?? 0) + bytes;
      if (sum > 0) arriving.set(owner, sum);
      else arriving.delete(owner);
    }
  }

  async function* count(rooms: readonly Room[], body: Readable): AsyncGenerator<Buffer> {
    let bytes = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        add(rooms, chunk.length);
        for (const room of rooms) refuseFull(room, arriving.get(room.owner) ?? 0);
        yield chunk;
      }
    } finally {
      add(rooms, -bytes);
    }
  }

  return {
    /**
     * A meter for a file that is to come in: it passes the file on, and fails with ConflictError once there is no room for all
     * that comes in. What it passes on is to be read to its end or destroyed.
     * @throws ConflictError where there is none as it is
     */
    async meter(file: FileOwner): Promise<(body: Readable) => Readable> {
      const rooms = await roomFor(database.query, file);
      for (const room of rooms) refuseFull(room, 1);
      // It may fail when nobody reads it any more.
      return (body) => Readable.from(count(rooms, body)).on('error', () => {});
    },

    /**
     * Writes something down that takes room: those of one owner are counted one after another.
     * @throws ConflictError where there is none
     */
    async take(file: FileOwner, bytes: number, write: (query: Query) => Promise<unknown>): Promise<void> {
      await database.transaction(async (query) => {
        // Everybody takes the user's lock first, so that nobody waits in a circle.
        for (const owner of [file.userId, file.channelId ?? []].flat()) await query(lockOwner, { owner });
        for (const room of await roomFor(query, file)) refuseFull(room, bytes);
        await write(query);
      });
    },
  };
}

interface Room {
  owner: string;
  left: number;
  bound: number;
  who: string;
}

function refuseFull({ left, bound, who }: Room, bytes: number): void {
  if (bytes > left) throw new ConflictError(`${who} no room for this file: all files together take ${bound} bytes.`);
}

const lockOwner = statement({
  sql: 'SELECT FROM pg_advisory_xact_lock(hashtextextended($owner, 0))',
  parameters: { owner: text },
});

const selectUsedBytes = statement({
  sql: `
    WITH files AS (
      SELECT user_id, channel_id, byte_size FROM upload WHERE user_id = $userId OR channel_id = $channelId
      UNION ALL
      SELECT user_id, channel_id, byte_size FROM upload_ticket
      WHERE (user_id = $userId OR channel_id = $channelId) AND id <> $fileId
    )
    SELECT coalesce(sum(byte_size) FILTER (WHERE user_id = $userId), 0) AS "user",
      coalesce(sum(byte_size) FILTER (WHERE channel_id = $channelId), 0) AS channel
    FROM files`,
  parameters: { userId: uuid, channelId: nullable(uuid), fileId: uuid },
  row: { user: int8, channel: int8 },
});
