import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, int4 } from '../infra/database/types.ts';
import { type Changeset, latestPlace } from './changeset.ts';
import { addChanged, changedRow, changeParameters, changesOf, sqlForChanges } from './entry-changes.ts';

/**
 * Maximum number of replies that are counted again. A bridge of the release before counts none: its replies are counted with the next one.
 */
export const maxCounted = 1_000;

/**
 * Writes the numbers of replies that differ after a batch, each of which gives its message the next position of its channel. A batch
 * without replies costs no statement. Trimmed messages need nothing: a reply is trimmed after the message that it replies to.
 * @param query of the transaction that has locked the log's position
 */
export async function writeReplyCounts(query: Query, changeset: Changeset): Promise<void> {
  const changed = [...changeset.replies].filter(([, { change }]) => change !== 0);
  if (changed.length === 0) return;
  const entries = changed.map(([id, { channelId }]) => ({ id, channelId, place: placeIn(changeset, channelId) }));
  const changes = changed.map(([, { change }]) => change);
  addChanged(await query(updateCounts, { ...changesOf(entries), changes }), entries, changeset);
}

/** Returns the place of the newest event of a channel: the numbers change after it. */
function placeIn(changeset: Changeset, channelId: string) {
  const head = changeset.heads.get(channelId);
  if (head === undefined) throw new Error('A reply has changed in a channel without a change.');
  return latestPlace(changeset, head);
}

const updateCounts = statement({
  sql: sqlForChanges({
    arrays: { change: '$changes' },
    assignments: `reply_count = (
      SELECT CASE WHEN count(*) > ${maxCounted} THEN entry.reply_count + p.change
        ELSE count(*) FILTER (WHERE r.deleted_at IS NULL) END
      FROM (SELECT o.deleted_at FROM entry o WHERE o.reply_to_id = p.id LIMIT ${maxCounted} + 1) r)`,
  }),
  parameters: { ...changeParameters, changes: arrayOf(int4) },
  row: changedRow,
});
