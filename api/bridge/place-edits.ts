import { maxVersions } from '../domain/policies.ts';
import type { Entry, EventOf, Logged } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, int8, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { assignPlace } from './tracking.ts';

/** An accepted edit: the entry before it, and its parts after it. */
export interface Revision extends Pick<Entry, 'text' | 'data' | 'mentionIds'> {
  event: Logged<EventOf<'MessageEdited'>>;
  before: Entry;
}

/** Place of an accepted edit, and the channel after the batch. */
type EditPlace = Row<typeof place>;

/**
 * Writes edits of different entries in one statement, each at the next position of its channel, and keeps the texts that they replace.
 * @returns their places, in the order of the edits
 */
export function placeEdits(query: Query, revisions: readonly Revision[]): Promise<EditPlace[]> {
  const events = revisions.map(({ event }) => event);
  return query(updateEdited, {
    ids: events.map(({ messageId }) => messageId),
    channelIds: events.map(({ channelId }) => channelId),
    times: events.map(({ at }) => at),
    texts: revisions.map((revision) => revision.text),
    replaced: revisions.map(({ before, text }) => (before.text === text ? null : before.text)),
    revisions: revisions.map(({ before }) => before.revision),
    datas: revisions.map(({ data }) => data),
    mentionIds: revisions.map(({ mentionIds }) => toArrayText(mentionIds)),
    partitions: events.map(({ partition }) => partition),
    offsets: events.map(({ offset }) => String(offset)),
  });
}

/** Replaces the rows by which mentions of entries are counted. A message that mentions every member keeps its one row. */
export async function replaceMentions(query: Query, revisions: readonly Revision[]): Promise<void> {
  const changed = revisions.filter(({ before }) => !before.mentionsAll);
  const { removed, added } = { removed: changed.flatMap(removedBy), added: changed.flatMap(addedBy) };
  if (removed.length + added.length === 0) return;
  await query(updateMentions, {
    ...{ channelIds: removed.map(({ channelId }) => channelId), userIds: removed.map(({ userId }) => userId) },
    seqs: removed.map(({ seq }) => seq),
    ...{ newChannelIds: added.map(({ channelId }) => channelId), newUserIds: added.map(({ userId }) => userId) },
    ...{ newSeqs: added.map(({ seq }) => seq), newAuthorIds: added.map(({ authorId }) => authorId) },
  });
}

function removedBy({ before, mentionIds }: Revision) {
  return before.mentionIds.filter((id) => !mentionIds.includes(id)).map((userId) => ({ ...before, userId }));
}

function addedBy({ before, mentionIds }: Revision) {
  return mentionIds.filter((id) => !before.mentionIds.includes(id)).map((userId) => ({ ...before, userId }));
}

/** Returns the text of a PostgreSQL array of UUIDs: arrays of arrays must be rectangular, so statements take texts. */
export function toArrayText(ids: readonly string[]): string {
  return `{${ids.join()}}`;
}

const place = { ...columns(tables.channel, 'c', ['position', 'seq', 'version']).row };

/** All edits of a channel are on one partition. */
const ofBatch = { partition: 'p.partition', first: 'p.first', last: 'p.last' };

/**
 * Places are counted from the channel as it was before the statement: see place-sends.ts. Only a message with many revisions may have
 * too many versions.
 */
const updateEdited = statement({
  sql: `
    WITH placed AS (
      SELECT i.*, c.seq, c.version,
        c.position + row_number() OVER (PARTITION BY i.channel_id ORDER BY i.n)::int AS position
      FROM unnest($ids, $channelIds, $times, $texts, $replaced, $revisions, $datas, $mentionIds, $partitions, $offsets)
        WITH ORDINALITY
        AS i(id, channel_id, edited_at, text, replaced, revision, data, mention_ids, log_partition, log_offset, n)
      CROSS JOIN LATERAL (SELECT c.seq, c.position, c.version FROM channel c WHERE c.id = i.channel_id LIMIT 1) c
    ), raised AS (
      UPDATE channel c SET position = p.position, version = c.version + 1, ${assignPlace('c', ofBatch)}
      FROM (
        SELECT channel_id, max(position) AS position, min(log_partition) AS partition, min(log_offset) AS first,
          max(log_offset) AS last
        FROM placed GROUP BY channel_id) p
      WHERE c.id = p.channel_id
    ), edited AS (
      UPDATE entry e SET text = p.text, data = p.data, mention_ids = p.mention_ids::uuid[], edited_at = p.edited_at,
        position = p.position, revised_position = p.position, revision = e.revision + 1, log_offset = p.log_offset
      FROM placed p WHERE e.id = p.id
    ), versioned AS (
      INSERT INTO message_version (message_id, revision, text, replaced_at)
      SELECT p.id, p.revision, p.replaced, p.edited_at FROM placed p WHERE p.replaced IS NOT NULL
    ), surplus AS (
      DELETE FROM message_version v USING placed p
      WHERE v.message_id = p.id AND p.replaced IS NOT NULL AND p.revision >= ${maxVersions} AND v.revision <= (
        SELECT o.revision FROM message_version o WHERE o.message_id = p.id
        ORDER BY o.revision DESC OFFSET ${maxVersions - 1} LIMIT 1)
    )
    SELECT p.position, p.seq, p.version + 1 AS version FROM placed p ORDER BY p.n`,
  parameters: {
    ids: arrayOf(uuid),
    channelIds: arrayOf(uuid),
    times: arrayOf(timestamptz),
    texts: arrayOf(text),
    replaced: arrayOf(nullable(text)),
    revisions: arrayOf(int4),
    datas: arrayOf(nullable(text)),
    mentionIds: arrayOf(text),
    partitions: arrayOf(int4),
    offsets: arrayOf(int8),
  },
  row: place,
});

/** The removed rows and the added ones are different. */
const updateMentions = statement({
  sql: `
    WITH removed AS (
      DELETE FROM mention m USING unnest($channelIds, $userIds, $seqs) AS o(channel_id, user_id, seq)
      WHERE m.channel_id = o.channel_id AND m.user_id = o.user_id AND m.seq = o.seq
    )
    INSERT INTO mention (channel_id, user_id, seq, author_id)
    SELECT * FROM unnest($newChannelIds, $newUserIds, $newSeqs, $newAuthorIds) ON CONFLICT DO NOTHING`,
  parameters: {
    channelIds: arrayOf(uuid),
    userIds: arrayOf(uuid),
    seqs: arrayOf(int4),
    newChannelIds: arrayOf(uuid),
    newUserIds: arrayOf(uuid),
    newSeqs: arrayOf(int4),
    newAuthorIds: arrayOf(uuid),
  },
});
