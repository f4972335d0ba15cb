import type { Query } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { tables } from '../../infra/database/tables.ts';
import { bool, int4, nullable, uuid } from '../../infra/database/types.ts';
import { lowestId } from '../cleanup/job.ts';
import type { Submit } from '../submit-event.ts';
import type { ErasureStep } from './erasures.ts';

/** Maximum number of messages that one event deletes: the bridge does nothing else in that transaction's time. */
const perEvent = 50;
/** Number of entries of a channel that one portion looks through: an index by author would cost every send. */
const perWindow = 5_000;

/**
 * Creates the steps that go through the log, so that they happen in the order of each channel, and again when a restored database
 * replays it: the ledger itself, under the user's id in place of a channel's, and then each channel of the user.
 */
export function createChannelSteps({ query, submit }: { query: Query; submit: Submit }): ErasureStep[] {
  return [
    {
      name: 'ledger',
      async run(userId) {
        await erase(userId, userId, []);
        return null;
      },
    },
    { name: 'channels', run: eraseNext },
  ];

  /** Its cursor is a channel, and the `seq` in it up to which the entries have been looked through. */
  async function eraseNext(userId: string, cursor: string | null): Promise<string | null> {
    const [channelId = '', after = ''] = cursor?.split(':') ?? [];
    if (channelId !== '') {
      const next = await eraseWindow(userId, channelId, Number(after));
      if (next !== null) return `${channelId}:${next}`;
    }
    const [member] = await query(selectNextChannel, { userId, after: channelId || lowestId });
    if (member === undefined) return null;
    // The membership ends first: no message of the user comes after it.
    if (member.isMember) await erase(userId, member.channelId, []);
    return `${member.channelId}:0`;
  }

  /** Deletes some messages after a `seq`. Returns the `seq` to go on from; null at the end of the channel. */
  async function eraseWindow(userId: string, channelId: string, after: number): Promise<number | null> {
    const rows = await query(selectWritten, { userId, channelId, after, until: after + perWindow });
    const ids = rows.flatMap(({ id }) => id ?? []);
    if (ids.length > 0) await erase(userId, channelId, ids);
    if (ids.length === perEvent) return rows.at(-1)?.seq ?? null;
    return (rows[0]?.newest ?? 0) > after + perWindow ? after + perWindow : null;
  }

  async function erase(userId: string, channelId: string, messageIds: string[]): Promise<void> {
    await submit({ type: 'UserErased', channelId, actorId: userId, userId, messageIds });
  }
}

const selectNextChannel = statement({
  sql: `
    SELECT m.channel_id AS "channelId", m.state NOT IN ('LEFT', 'REMOVED') AS "isMember" FROM member m
    WHERE m.user_id = $userId AND m.channel_id > $after ORDER BY m.channel_id LIMIT 1`,
  parameters: { userId: uuid, after: uuid },
  row: { channelId: uuid, isMember: bool },
});

/** One row for each message, or one without a message. */
const selectWritten = statement({
  sql: `
    SELECT e.id, e.seq, c.seq AS newest FROM channel c
    LEFT JOIN LATERAL (
      SELECT e.id, e.seq FROM entry e
      WHERE e.channel_id = c.id AND e.seq > $after AND e.seq <= $until AND e.author_id = $userId AND e.kind = 'TEXT'
        AND e.deleted_at IS NULL
      ORDER BY e.seq LIMIT ${perEvent}) e ON true
    WHERE c.id = $channelId ORDER BY e.seq`,
  parameters: { userId: uuid, channelId: uuid, after: int4, until: int4 },
  row: { id: nullable(uuid), seq: nullable(int4), newest: tables.channel.columns.seq },
});
