import type { EventOf, Logged } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, int8, json, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { assignPlace } from './tracking.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/** Place of an accepted send; its event has the rest of the entry. */
export type Place = Row<typeof place>;

/**
 * Inserts the entries of a batch of sends in one statement: those whose id is new, whose channel is open, whose author may send
 * there, and which no block keeps from a direct channel. It has the rule `maySend` as SQL, in which roles are ordered from the owner on.
 * @param events sends that all have files or all have none
 * @param areAccepting whether their authors may be invited members of direct channels, who accept by them
 * @returns the places of the sends that were accepted, by their index in the batch
 */
export async function placeSends(
  query: Query,
  events: readonly MessageSent[],
  areAccepting = false,
): Promise<Map<number, Place>> {
  const hasFiles = events.some(({ attachments }) => attachments.length > 0);
  const { plain, withFiles } = areAccepting ? insertsOfInvited : inserts;
  const sends = toArrays(events);
  const rows = hasFiles
    ? await query(withFiles, { ...sends, attachments: events.map((event) => JSON.stringify(event.attachments)) })
    : await query(plain, sends);
  return new Map(rows.map((row) => [row.n - 1, row]));
}

function toArrays(events: readonly MessageSent[]) {
  return {
    ids: events.map(({ messageId }) => messageId),
    channelIds: events.map(({ channelId }) => channelId),
    authorIds: events.map(({ actorId }) => actorId),
    clientIds: events.map(({ clientId }) => clientId),
    texts: events.map((event) => event.text),
    replyToIds: events.map(({ replyToId }) => replyToId),
    times: events.map(({ at }) => at),
    partitions: events.map(({ partition }) => partition),
    offsets: events.map(({ offset }) => String(offset)),
  };
}

/** All sends to a channel are on one partition. */
const ofBatch = { partition: 'a.partition', first: 'a.first', last: 'a.last' };

/**
 * Places are counted from the channel as it was before the statement: while the log's position is locked, no other
 * transaction moves it. Parameters are arrays, which cost PostgreSQL far less than JSON, and the result leaves out the
 * fields that the event has.
 *
 * The plan is kept and may be older than most of the rows. So the statement has one shape, which costs the same for each
 * send in tables of any size: every look-up by a key is a subquery of one row, and nothing joins rows that were just
 * written, whose number the planner does not know.
 */
const sqlFor = (hasFiles: boolean, states: string) => `
WITH input AS (
  SELECT * FROM unnest(
    $ids, $channelIds, $authorIds, $clientIds, $texts, $replyToIds, $times, $partitions, $offsets${hasFiles ? ', $attachments' : ''}
  ) WITH ORDINALITY AS i(id, channel_id, author_id, client_id, text, reply_to_id, sent_at, log_partition, log_offset${hasFiles ? ', attachments' : ''}, n)
), allowed AS (
  SELECT i.*, c.seq, c.position, c.version, row_number() OVER (PARTITION BY i.channel_id ORDER BY i.n)::int AS place
  FROM input i
  CROSS JOIN LATERAL (
    SELECT c.seq, c.position, c.version, c.kind, c.send_role${hasFiles ? ', c.attach_role' : ''}
    FROM channel c WHERE c.id = i.channel_id AND c.closed_at IS NULL LIMIT 1) c
  CROSS JOIN LATERAL (
    SELECT FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.author_id AND m.state ${states}
      AND m.role <= c.send_role${hasFiles ? ' AND m.role <= c.attach_role' : ''}
      AND (m.muted_until IS NULL OR m.muted_until <= i.sent_at) LIMIT 1) m
  WHERE NOT EXISTS (SELECT FROM entry e WHERE e.id = i.id)
    AND NOT (c.kind = 'DIRECT' AND ${blockInDirect('i.channel_id', 'i.author_id')})
    AND (i.reply_to_id IS NULL OR EXISTS (
      SELECT FROM entry r WHERE r.id = i.reply_to_id AND r.channel_id = i.channel_id AND r.kind = 'TEXT'))
    ${hasFiles ? unattached : ''}
), raised AS (
  UPDATE channel c SET seq = c.seq + a.count, position = c.position + a.count, version = c.version + 1,
    last_activity_at = greatest(c.last_activity_at, a.at), ${assignPlace('c', ofBatch)}
  FROM (
    SELECT channel_id, count(*)::int AS count, max(sent_at) AS at, min(log_partition) AS partition,
      min(log_offset) AS first, max(log_offset) AS last
    FROM allowed GROUP BY channel_id) a
  WHERE c.id = a.channel_id
), added AS (
  INSERT INTO entry (id, channel_id, author_id, kind, client_id, seq, position, text, reply_to_id, sent_at, log_offset, attachments)
  SELECT id, channel_id, author_id, 'TEXT', client_id, seq + place, position + place, text, reply_to_id, sent_at, log_offset,
    ${hasFiles ? 'attachments' : "'[]'"}
  FROM allowed
)${hasFiles ? attached : ''}
SELECT n::int, seq + place AS seq, position + place AS position, version + 1 AS version,
  (SELECT r.author_id FROM entry r WHERE r.id = allowed.reply_to_id) AS "replyToAuthorId"
FROM allowed`;

/**
 * A file is attached only once. A restored database may lack the upload's row: then it is inserted from the event, because
 * downloads and the cleanup need it.
 */
const unattached = `AND NOT EXISTS (
      SELECT FROM attachment a JOIN jsonb_array_elements(i.attachments) f ON a.id = (f ->> 'id')::uuid)`;
const attached = `, attached AS (
  INSERT INTO attachment (id, message_id) SELECT (f ->> 'id')::uuid, a.id
  FROM allowed a CROSS JOIN LATERAL jsonb_array_elements(a.attachments) f
), restored AS (
  INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, width, height, created_at)
  SELECT f.id, a.author_id, a.channel_id, f.filename, f.mimetype, f."byteSize", f.width, f.height, a.sent_at
  FROM allowed a CROSS JOIN LATERAL jsonb_to_recordset(a.attachments) AS f(
    id uuid, filename text, mimetype text, "byteSize" int, width int, height int)
  WHERE EXISTS (SELECT FROM users u WHERE u.id = a.author_id)
  ON CONFLICT DO NOTHING
)`;

const parameters = {
  ids: arrayOf(uuid),
  channelIds: arrayOf(uuid),
  authorIds: arrayOf(uuid),
  clientIds: arrayOf(text),
  texts: arrayOf(text),
  replyToIds: arrayOf(nullable(uuid)),
  times: arrayOf(timestamptz),
  partitions: arrayOf(int4),
  offsets: arrayOf(int8),
};

const place = {
  /** Number of the send in the batch, from 1 on. */
  n: int4,
  ...columns(tables.entry, 'e', ['seq', 'position']).row,
  /** Version of the channel after the batch. */
  version: tables.channel.columns.version,
  replyToAuthorId: nullable(uuid),
};

const parametersWithFiles = { ...parameters, attachments: arrayOf(json<unknown>()) };

const inserts = {
  plain: statement({ sql: sqlFor(false, "= 'ACTIVE'"), parameters, row: place }),
  withFiles: statement({ sql: sqlFor(true, "= 'ACTIVE'"), parameters: parametersWithFiles, row: place }),
};

const activeOrInvited = "IN ('ACTIVE', 'INVITED')";
const insertsOfInvited = {
  plain: statement({ sql: sqlFor(false, activeOrInvited), parameters, row: place }),
  withFiles: statement({ sql: sqlFor(true, activeOrInvited), parameters: parametersWithFiles, row: place }),
};
