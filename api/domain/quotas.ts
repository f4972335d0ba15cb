import { Readable } from 'node:stream';
import { ConflictError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int8, nullable, text, uuid } from '../infra/database/types.ts';

/** A file and the owners whose quotas it counts against. */
export interface FileOwner {
  /** Id of the upload. */
  id: string;
  userId: string;
  /** Channel of the file, or null if it counts against the user's quota only. */
  channelId: string | null;
}

/** Maximum size of all files of one owner, in bytes. */
export interface Quotas {
  user: number;
  channel: number;
}

/**
 * Enforces the quotas of users and channels. Stored files, announced direct uploads, and files that this process is
 * receiving count against them.
 */
export function createQuotas(options: { database: Pick<Database, 'query' | 'transaction'>; bounds: Quotas }) {
  const { database, bounds } = options;
  /** Bytes of files that are being received, by owner. */
  const incomingBytes = new Map<string, number>();

  return {
    /**
     * Prepares to receive a file. The returned function passes a stream on and fails it with ConflictError once the quota
     * is exceeded; the caller must read the returned stream to its end or destroy it.
     * @throws ConflictError if the quota is used up already
     */
    async limitIncoming(file: FileOwner): Promise<(body: Readable) => Readable> {
      const allowances = await allowancesOf(database.query, file);
      for (const allowance of allowances) checkAllowance(allowance, 1);
      // The stream may fail when nothing reads it.
      return (body) => Readable.from(countBytes(allowances, body)).on('error', () => {});
    },

    /**
     * Checks the quotas and writes the row of a file in one transaction. Files of one owner are handled one after another.
     * @throws ConflictError if the file exceeds a quota
     */
    async reserve(file: FileOwner, bytes: number, write: (query: Query) => Promise<unknown>): Promise<void> {
      await database.transaction(async (query) => {
        // Every transaction locks the user before the channel, which rules out deadlocks.
        for (const owner of [file.userId, file.channelId ?? []].flat()) await query(lockOwner, { owner });
        for (const allowance of await allowancesOf(query, file)) checkAllowance(allowance, bytes);
        await write(query);
      });
    },
  };

  /** Reads the allowance of each owner of a file; the announced size of the file itself is not counted. */
  async function allowancesOf(query: Query, { id, userId, channelId }: FileOwner): Promise<Allowance[]> {
    const [used] = await query(selectUsedBytes, { userId, channelId, fileId: id });
    const user = toAllowance(`user:${userId}`, 'You have', bounds.user, Number(used?.user));
    if (channelId === null) return [user];
    return [user, toAllowance(`channel:${channelId}`, 'This channel has', bounds.channel, Number(used?.channel))];
  }

  async function* countBytes(allowances: readonly Allowance[], body: Readable): AsyncGenerator<Buffer> {
    let bytes = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        addIncoming(allowances, chunk.length);
        for (const allowance of allowances) checkAllowance(allowance, incomingBytes.get(allowance.owner) ?? 0);
        yield chunk;
      }
    } finally {
      addIncoming(allowances, -bytes);
    }
  }

  function addIncoming(allowances: readonly Allowance[], bytes: number): void {
    for (const { owner } of allowances) {
      const sum = (incomingBytes.get(owner) ?? 0) + bytes;
      if (sum > 0) incomingBytes.set(owner, sum);
      else incomingBytes.delete(owner);
    }
  }
}

/** Bytes that an owner may still store. */
interface Allowance {
  owner: string;
  /** Start of the error message: "You have" or "This channel has". */
  subject: string;
  quota: number;
  available: number;
}

function toAllowance(owner: string, subject: string, quota: number, used: number): Allowance {
  return { owner, subject, quota, available: quota - used };
}

function checkAllowance({ available, quota, subject }: Allowance, bytes: number): void {
  if (bytes > available) throw new ConflictError(`${subject} no room for this file: the quota is ${quota} bytes.`);
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
