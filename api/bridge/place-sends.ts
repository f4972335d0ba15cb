import type { EventOf, Logged } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Query } from '../infra/database/database.ts';
import { readableSeq } from '../infra/database/entries.ts';
import { everyMember } from '../infra/database/mentions.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, int4, int8, json, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { toArrayText } from './place-edits.ts';
import { isRich } from './steps.ts';
import { assignPlace } from './tracking.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/** Place of an accepted send; its event has the rest of the entry. */
export type Place = Row<typeof place>;

/** A send, and the users whom it mentions by the decision of the bridge. */
export interface DecidedSend {
  event: MessageSent;
  mentionIds: readonly string[];
}

/**
 * Inserts the entries of a batch of sends in one statement: those whose id is new, whose channel is open, whose author may send
 * there, and which no block keeps from a direct channel. It has the rule `maySend` as SQL, in which roles are ordered from the owner on.
 * @param sends all of them rich, or none
 * @param areAllowed whether the rules were found to allow each. Sends to rooms in slow mode, and those by which an invited author
 *   accepts a direct conversation, are left out otherwise: they cost more
 * @returns the places of the sends that were accepted, by the ids of their messages
 */
export async function placeSends(
  query: Query,
  sends: readonly DecidedSend[],
  areAllowed: boolean,
): Promise<Map<string, Place>> {
  const events = sends.map(({ event }) => event);
  const arrays = toArrays(events);
  const rows = events.some(isRich)
    ? await query(areAllowed ? insertAllowedRich : insertRich, { ...arrays, ...toRichArrays(sends) })
    : await query(areAllowed ? insertAllowed : insertPlain, arrays);
  return new Map(rows.map((row) => [events[row.n - 1]?.messageId ?? '', row]));
}

function toRichArrays(sends: readonly DecidedSend[]) {
  return {
    attachments: sends.map(({ event }) => JSON.stringify(event.attachments)),
    datas: sends.map(({ event }) => event.data),
    mentionIds: sends.map(({ mentionIds }) => toArrayText(mentionIds)),
    mentionsAll: sends.map(({ event }) => event.mentionsAll),
  };
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
const sqlFor = (isRich: boolean, areAllowed: boolean) => `
WITH input AS (
  SELECT * FROM unnest(
    $ids, $channelIds, $authorIds, $clientIds, $texts, $replyToIds, $times, $partitions, $offsets${isRich ? richParameters : ''}
  ) WITH ORDINALITY AS i(id, channel_id, author_id, client_id, text, reply_to_id, sent_at, log_partition, log_offset${isRich ? richColumns : ''}, n)
), allowed AS (
  SELECT i.*, c.seq, c.position, c.version, m.is_accepting, row_number() OVER (PARTITION BY i.channel_id ORDER BY i.n)::int AS place
  FROM input i
  CROSS JOIN LATERAL (
    SELECT c.seq, c.position, c.version, c.kind, c.send_role, c.attach_role
    FROM channel c WHERE c.id = i.channel_id AND c.closed_at IS NULL
      ${areAllowed ? '' : 'AND c.slow_mode_seconds = 0'} LIMIT 1) c
  CROSS JOIN LATERAL (
    SELECT ${areAllowed ? "m.state = 'INVITED'" : 'false'} AS is_accepting, ${readableSeq('m')} AS readable_from
    FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.author_id
      AND m.state ${areAllowed ? "IN ('ACTIVE', 'INVITED')" : "= 'ACTIVE'"}
      AND m.role <= c.send_role${isRich ? " AND (i.attachments = '[]' OR m.role <= c.attach_role)" : ''}
      AND (m.muted_until IS NULL OR m.muted_until <= i.sent_at) LIMIT 1) m
  WHERE NOT EXISTS (SELECT FROM entry e WHERE e.id = i.id)
    AND NOT (c.kind = 'DIRECT' AND ${blockInDirect('i.channel_id', 'i.author_id')})
    AND (i.reply_to_id IS NULL OR (
      SELECT r.channel_id = i.channel_id AND r.kind = 'TEXT' AND r.seq >= m.readable_from
      FROM entry r WHERE r.id = i.reply_to_id))
    ${isRich ? unattached : ''}
), raised AS (
  UPDATE channel c SET seq = c.seq + a.count, position = c.position + a.count, version = c.version + 1,
    last_activity_at = greatest(c.last_activity_at, a.at), ${assignPlace('c', ofBatch)}
  FROM (
    SELECT channel_id, count(*)::int AS count, max(sent_at) AS at, min(log_partition) AS partition,
      min(log_offset) AS first, max(log_offset) AS last
    FROM allowed GROUP BY channel_id) a
  WHERE c.id = a.channel_id
), added AS (
  INSERT INTO entry (id, channel_id, author_id, kind, client_id, seq, position, text, reply_to_id, sent_at, log_offset${isRich ? richColumns : ''})
  SELECT id, channel_id, author_id, 'TEXT', client_id, seq + place, position + place, text, reply_to_id, sent_at, log_offset${isRich ? richValues : ''}
  FROM allowed
)${isRich ? attached + mentioned : ''}${areAllowed ? noted : ''}
SELECT n::int, seq + place AS seq, position + place AS position, version + 1 AS version, is_accepting AS "isAccepting",
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

/** The newest message of each author, from which slow mode counts. */
const noted = `, noted AS (
  UPDATE member m SET last_sent_at = a.at
  FROM (SELECT channel_id, author_id, max(sent_at) AS at FROM allowed GROUP BY channel_id, author_id) a
  WHERE m.channel_id = a.channel_id AND m.user_id = a.author_id
)`;

const richParameters = ', $attachments, $datas, $mentionIds, $mentionsAll';
const richColumns = ', attachments, data, mention_ids, mentions_all';
const richValues = ', attachments, data, mention_ids::uuid[], mentions_all';

/** Rows by which mentions are counted: one is enough for a message that mentions every member. */
const mentioned = `, mentioned AS (
  INSERT INTO mention (channel_id, user_id, seq, author_id)
  SELECT a.channel_id, m.id, a.seq + a.place, a.author_id FROM allowed a CROSS JOIN LATERAL
    unnest(CASE WHEN a.mentions_all THEN '{${everyMember}}' ELSE a.mention_ids END::uuid[]) AS m(id)
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
  /** Whether the author was invited when the statement began. */
  isAccepting: bool,
};

const richSendParameters = {
  ...parameters,
  attachments: arrayOf(json<unknown>()),
  datas: arrayOf(nullable(text)),
  mentionIds: arrayOf(text),
  mentionsAll: arrayOf(bool),
};

const insertPlain = statement({ sql: sqlFor(false, false), parameters, row: place });
const insertRich = statement({ sql: sqlFor(true, false), parameters: richSendParameters, row: place });
const insertAllowed = statement({ sql: sqlFor(false, true), parameters, row: place });
const insertAllowedRich = statement({ sql: sqlFor(true, true), parameters: richSendParameters, row: place });
