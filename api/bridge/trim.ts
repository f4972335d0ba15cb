import type { EventOf, Logged } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { deleteMentionsOf } from '../infra/database/mentions.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, uuid } from '../infra/database/types.ts';
import { addHead, type Changeset } from './changeset.ts';
import { assignPlace, placeOf, placeParameters } from './tracking.ts';

/** Maximum number of entries that one event removes: sends of the same partition wait for no longer. */
export const maxTrimmed = 200;

/** Removes entries of a channel up to a seq, the first ones, with their mentions, and moves the places up to which its history is trimmed. */
export async function trimHistory(
  query: Query,
  event: Logged<EventOf<'HistoryTrimmed'>>,
  changeset: Changeset,
): Promise<void> {
  const { channelId, throughSeq } = event;
  const [head] = await query(deleteFirst, { channelId, throughSeq, ...placeOf(event) });
  if (head) addHead(changeset, head, event, true);
}

const head = columns(tables.channel, 'channel', ['id', 'position', 'seq', 'version', 'trimmedSeq']);

/**
 * The trimmed position lies before the lowest one of the entries that stay. That of a removed entry may be higher, because it was
 * edited late: clients that have everything up to some position between the two can still resume.
 */
const deleteFirst = statement({
  sql: `
    WITH gone AS (
      DELETE FROM entry WHERE id = ANY(ARRAY(
        SELECT e.id FROM entry e WHERE e.channel_id = $channelId AND e.seq <= $throughSeq ORDER BY e.seq LIMIT ${maxTrimmed}))
      RETURNING *
    ), unmentioned AS (${deleteMentionsOf('gone')}), through AS (
      SELECT max(seq) AS seq FROM gone
    )
    UPDATE channel SET trimmed_seq = through.seq, version = version + 1, ${assignPlace('channel', { isChanged: 'true' })},
      trimmed_position = greatest(trimmed_position, coalesce((
        SELECT e.position - 1 FROM entry e WHERE e.channel_id = $channelId AND e.seq > through.seq
        ORDER BY e.position LIMIT 1), position))
    FROM through WHERE id = $channelId AND through.seq IS NOT NULL RETURNING ${head.list}`,
  parameters: { channelId: uuid, throughSeq: int4, ...placeParameters },
  row: head.row,
});
