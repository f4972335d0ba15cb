import type { EventOf, Logged } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { entryColumns, toEntry } from '../infra/database/entries.ts';
import { emptyProfile, insertErasure } from '../infra/database/erasures.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, timestamptz, uuid } from '../infra/database/types.ts';
import { addEntry, addHead, type Changeset } from './changeset.ts';
import { assignDeletion } from './entry-writes.ts';
import { assignPlace, placeOf, placeParameters } from './tracking.ts';

type UserErased = Logged<EventOf<'UserErased'>>;

/** Adds the user of an erasure to the ledger, and empties the profile, which a restored database may have again. */
export async function eraseProfile(query: Query, { userId, at }: UserErased): Promise<void> {
  await query(insertErasure, { userId, at });
  await query(emptyProfile, { userId });
}

/**
 * Deletes the messages that an erasure names, those of its user alone. Each takes the next position, in order of `seq`; one that
 * is deleted already has no text and stays.
 */
export async function eraseEntries(query: Query, event: UserErased, changeset: Changeset): Promise<void> {
  const { channelId, userId, messageIds, at } = event;
  if (messageIds.length === 0) return;
  const rows = await query(updateErased, { channelId, userId, ids: messageIds, at, ...placeOf(event) });
  for (const { version, channelSeq, ...row } of rows) {
    const entry = toEntry(row);
    addEntry(changeset, entry);
    addHead(changeset, { id: channelId, position: entry.position, seq: channelSeq, version }, event);
  }
}

const { seq, version } = tables.channel.columns;

const updateErased = statement({
  sql: `
    WITH chosen AS MATERIALIZED (
      SELECT id, row_number() OVER (ORDER BY seq)::int AS n FROM entry
      WHERE id = ANY($ids) AND channel_id = $channelId AND author_id = $userId AND kind = 'TEXT' AND deleted_at IS NULL
    ), raised AS (
      UPDATE channel SET position = channel.position + c.count, version = channel.version + 1, ${assignPlace('channel')}
      FROM (SELECT count(*)::int AS count FROM chosen) c
      WHERE channel.id = $channelId AND c.count > 0
      RETURNING channel.seq, channel.version, channel.position - c.count AS before
    ), e AS (
      UPDATE entry SET ${assignDeletion}, position = raised.before + chosen.n,
        revision = revision + 1, log_offset = $offset
      FROM raised, chosen WHERE entry.id = chosen.id RETURNING entry.*
    )
    SELECT ${entryColumns.list}, raised.version, raised.seq AS "channelSeq" FROM e, raised ORDER BY e.position`,
  parameters: { channelId: uuid, userId: uuid, ids: arrayOf(uuid), at: timestamptz, ...placeParameters },
  row: { ...entryColumns.row, version, channelSeq: seq },
});
