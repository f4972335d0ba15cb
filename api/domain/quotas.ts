import { Readable } from 'node:stream';
import { ConflictError, UnavailableError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { bool, int8, nullable, text, uuid } from '../infra/database/types.ts';
import { readStoredTotal } from './stored-total.ts';

/** A file and the owners whose quotas it counts against. */
export interface FileOwner {
  /** Id of the upload. */
  id: string;
  userId: string;
  /** Channel of the file, or null if it counts against the user's quota only. */
  channelId: string | null;
  /** Size that a direct upload was announced with, which counts already. */
  announcedBytes?: number;
}

/** Maximum size of all files of one owner, in bytes. */
export interface Quotas {
  user: number;
  /** The quota of a user who is a guest. */
  guest: number;
  channel: number;
  /** All files of all users. */
  total: number;
}

/**
 * Enforces the quotas of users, of channels and of all files together. Stored files, announced direct uploads, and files
 * that this process is receiving count against them.
 */
export function createQuotas(options: { database: Pick<Database, 'query' | 'transaction'>; bounds: Quotas }) {
  const { database, bounds } = options;
  /** Bytes of files that are being received, by owner. */
  const incomingBytes = new Map<string, number>();

  return {
    /**
     * Prepares to receive a file. The returned function passes a stream on and fails it with ConflictError once the quota
     * is exceeded; the caller must read the returned stream to its end or destroy it.
     * @throws ConflictError if the quota is used up already, UnavailableError if all files together have no room
     */
    async limitIncoming(file: FileOwner): Promise<(body: Readable) => Readable> {
      const allowances = [await totalAllowance(), ...(await allowancesOf(database.query, file))];
      for (const allowance of allowances) checkAllowance(allowance, 1);
      // The stream may fail when nothing reads it.
      return (body) => Readable.from(countBytes(allowances, body)).on('error', () => {});
    },

    /**
     * Checks the quotas and writes the row of a file in one transaction. Files of one owner are handled one after another.
     * @throws ConflictError if the file exceeds a quota, UnavailableError if all files together have no room for it
     */
    async reserve(file: FileOwner, bytes: number, write: (query: Query) => Promise<unknown>): Promise<void> {
      const added = Math.max(0, bytes - (file.announcedBytes ?? 0));
      checkAllowance(await totalAllowance(), added);
      await database.transaction(async (query) => {
        // Every transaction locks the user before the channel, which rules out deadlocks.
        for (const owner of [file.userId, file.channelId ?? []].flat()) await query(lockOwner, { owner });
        for (const allowance of await allowancesOf(query, file)) checkAllowance(allowance, bytes);
        await write(query);
      });
    },
  };

  async function totalAllowance(): Promise<Allowance> {
    const available = bounds.total - (await readStoredTotal(database.query));
    const refuse = () => new UnavailableError('This server has no room for more files at the moment. Try again later.');
    return { owner: 'total', available, refuse };
  }

  /** Reads the allowances of a file's user and channel; the announced size of the file itself is not counted. */
  async function allowancesOf(query: Query, { id, userId, channelId }: FileOwner): Promise<Allowance[]> {
    const [used] = await query(selectUsedBytes, { userId, channelId, fileId: id });
    const quota = used?.isGuest ? Math.min(bounds.guest, bounds.user) : bounds.user;
    const user = toAllowance(`user:${userId}`, 'You have', quota, Number(used?.user));
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
  available: number;
  /** Returns the error for a file that does not fit. */
  refuse: () => ConflictError | UnavailableError;
}

/** @param subject start of the error message: "You have" or "This channel has" */
function toAllowance(owner: string, subject: string, quota: number, used: number): Allowance {
  const refuse = () => new ConflictError(`${subject} no room for this file: the quota is ${quota} bytes.`);
  return { owner, available: quota - used, refuse };
}

function checkAllowance({ available, refuse }: Allowance, bytes: number): void {
  if (bytes > available) throw refuse();
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
      coalesce(sum(byte_size) FILTER (WHERE channel_id = $channelId), 0) AS channel,
      NOT EXISTS (SELECT FROM users u WHERE u.id = $userId AND u.password_hash IS NOT NULL) AS "isGuest"
    FROM files`,
  parameters: { userId: uuid, channelId: nullable(uuid), fileId: uuid },
  row: { user: int8, channel: int8, isGuest: bool },
});
