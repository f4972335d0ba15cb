import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { toEntry } from '../infra/database/entries.ts';
import { type Access, findReadable, throwRefusal } from './access.ts';
import { type ChannelOfUser, toColumns } from './channel-of-user.ts';
import { type AroundSnapshot, selectAround } from './history-statements.ts';
import { messageNotFound } from './policies.ts';

/** A message of a channel, for one user. */
export interface MessageOfUser extends ChannelOfUser {
  messageId: string;
}

/** Page around a message, in order of seq, and the channel's position in the same snapshot. */
export interface HistoryAround {
  items: readonly Entry[];
  hasPrevious: boolean;
  hasNext: boolean;
  position: number;
}

/** A page around a message; null if the user may not read the channel, an error if the user may not read the message. */
interface AroundOfUser extends MessageOfUser {
  value: HistoryAround | Error | null;
}

/**
 * Creates the read of pages around messages, on behalf of users: entries that the user cannot see are left out.
 * @param options.access tells whether a message may be missing because the database has not caught up with the log
 */
export function createHistoryAround({ database, access }: { database: Database; access: Pick<Access, 'judge'> }) {
  /**
   * Reads a page around each message. Half of the other entries are before it; near an end of the history there are more of the
   * other side, so that a page is full if the history has enough entries.
   * @param limit number of entries of a page, 1 or more
   * @param reader key of the user who waits for it
   * @returns in no order; the error is NotFoundError, or UnavailableError while the database has not caught up with the log
   */
  return async (asked: readonly MessageOfUser[], limit: number, reader: string): Promise<AroundOfUser[]> => {
    const messageIds = asked.map(({ messageId }) => messageId);
    const snapshots = await database.read(reader, selectAround, { ...toColumns(asked), messageIds, limit });
    return Promise.all(snapshots.map((snapshot) => readSnapshot(snapshot, limit)));
  };

  async function readSnapshot(snapshot: AroundSnapshot, limit: number): Promise<AroundOfUser> {
    const { channelId, userId, messageId, newer } = snapshot;
    const channel = findReadable(snapshot);
    if (channel === null) return { channelId, userId, messageId, value: null };
    const value =
      newer === null ? await refusalOf(channelId) : { ...toPageAround(snapshot, limit), position: channel.position };
    return { channelId, userId, messageId, value };
  }

  async function refusalOf(channelId: string): Promise<Error> {
    try {
      await access.judge(channelId, async () => throwRefusal(messageNotFound));
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    throw new Error('a refusal is an error');
  }
}

export type ReadAround = ReturnType<typeof createHistoryAround>;

/** Takes a page from both sides: of the older entries from the nearest one, of the newer ones from the message itself. */
function toPageAround({ older, newer }: Pick<AroundSnapshot, 'older' | 'newer'>, limit: number) {
  const [before, from] = [older ?? [], newer ?? []];
  const others = limit - 1;
  const fromBefore = Math.min(before.length, Math.max(Math.floor(others / 2), limit - from.length));
  const rows = [...before.slice(0, fromBefore).reverse(), ...from.slice(0, limit - fromBefore)];
  return {
    items: rows.map(toEntry),
    hasPrevious: before.length > fromBefore,
    hasNext: from.length > limit - fromBefore,
  };
}
