import { type ChannelFacts, type MemberFacts, maySend } from '../domain/policies.ts';
import type { EventOf, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { type Applied, addEntry, addHead } from './applied.ts';

type MessageSent = EventOf<'MessageSent'>;

/** An entry in its place; or, where `id` is null, what speaks against it. */
type SendRow = (EntryRow | { id: null }) & {
  /** Of the channel after this run; null where the entry was there before. */
  version: number | null;
  channel: ChannelFacts | null;
  member: MemberFacts | null;
  /** What it answers is there. */
  isAnswer: boolean;
};

/**
 * A run of sends in one statement. An id that is known has the row that is there, before any other rule; new ones take
 * the next dense places where the channel is open and the author a member. Places are counted from the channel as it was
 * before the statement: under the lock of the log's position nobody else moves it. Rows that are referred to are found by
 * arrays of their ids, and nothing is joined with what was just written, of which the planner knows no number of rows.
 */
const statementFor = (hasFiles: boolean) => `
WITH input AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS i(
    n int, id uuid, channel_id uuid, author_id uuid, client_id text, text text, reply_to_id uuid, sent_at timestamptz,
    attachments jsonb)
), known AS (
  SELECT e.* FROM entry e WHERE e.id = ANY($2::uuid[])
), answered AS (
  SELECT e.id, e.channel_id FROM entry e WHERE e.id = ANY($3::uuid[]) AND e.kind = 'TEXT'
), allowed AS (
  SELECT i.*, c.seq, c.position, row_number() OVER (PARTITION BY i.channel_id ORDER BY i.n)::int AS place
  FROM input i
  JOIN channel c ON c.id = i.channel_id AND c.closed_at IS NULL
  JOIN member m ON m.channel_id = i.channel_id AND m.user_id = i.author_id AND m.state = 'ACTIVE'
  WHERE NOT EXISTS (SELECT FROM known k WHERE k.id = i.id)
    AND (i.reply_to_id IS NULL OR EXISTS (
      SELECT FROM answered r WHERE r.id = i.reply_to_id AND r.channel_id = i.channel_id))
    ${hasFiles ? unattached : ''}
), raised AS (
  UPDATE channel c SET seq = c.seq + a.count, position = c.position + a.count, version = c.version + 1,
    last_activity_at = greatest(c.last_activity_at, a.at)
  FROM (SELECT channel_id, count(*)::int AS count, max(sent_at) AS at FROM allowed GROUP BY channel_id) a
  WHERE c.id = a.channel_id
), added AS (
  INSERT INTO entry (id, channel_id, author_id, kind, client_id, seq, position, text, reply_to_id, sent_at, attachments)
  SELECT id, channel_id, author_id, 'TEXT', client_id, seq + place, position + place, text, reply_to_id, sent_at, attachments
  FROM allowed
  RETURNING *
)${hasFiles ? attached : ''}
SELECT ${entryColumns}, CASE WHEN e.is_new THEN c.version + 1 END AS version,
  CASE WHEN e.id IS NULL AND c.id IS NOT NULL THEN
    jsonb_build_object('kind', c.kind, 'visibility', c.visibility, 'closedAt', c.closed_at) END AS channel,
  CASE WHEN e.id IS NULL AND m.user_id IS NOT NULL THEN
    jsonb_build_object('role', m.role, 'state', m.state, 'revision', m.revision) END AS member,
  EXISTS (SELECT FROM answered r WHERE r.id = i.reply_to_id AND r.channel_id = i.channel_id) AS "isAnswer"
FROM input i
LEFT JOIN (SELECT *, false AS is_new FROM known UNION ALL SELECT *, true FROM added) e ON e.id = i.id
LEFT JOIN channel c ON c.id = i.channel_id
LEFT JOIN member m ON m.channel_id = i.channel_id AND m.user_id = i.author_id
ORDER BY i.n`;

/** A file is attached once. */
const unattached = `AND NOT EXISTS (
      SELECT FROM attachment a JOIN jsonb_array_elements(i.attachments) f ON a.id = (f ->> 'id')::uuid)`;
const attached = `, attached AS (
  INSERT INTO attachment (id, message_id) SELECT (f ->> 'id')::uuid, a.id
  FROM allowed a CROSS JOIN LATERAL jsonb_array_elements(a.attachments) f
)`;
const statements = { plain: statementFor(false), withFiles: statementFor(true) };

/**
 * Applies a run of sends, all with files or all without, none of which repeats or answers another of the run.
 * @param query of the transaction that holds the log's position
 */
export async function applySends(query: Query, events: readonly MessageSent[], applied: Applied): Promise<void> {
  const ids = events.map(({ messageId }) => messageId);
  const answered = events.flatMap(({ replyToId }) => replyToId ?? []);
  const hasFiles = events.some(({ attachments }) => attachments.length > 0);
  const statement = hasFiles ? statements.withFiles : statements.plain;
  const rows = await query<SendRow>(statement, [JSON.stringify(events.map(toInput)), ids, answered]);
  events.forEach((event, n) => {
    const row = rows[n];
    if (row === undefined) throw new Error('the statement for sends answered fewer rows than it was given');
    const outcome = toOutcome(event, row);
    applied.outcomes.push({ event, outcome });
    if (!outcome.applied || outcome.entry === null || row.version === null) return;
    const { channelId, position, seq } = outcome.entry;
    addEntry(applied, outcome.entry);
    addHead(applied, { id: channelId, position, seq, version: row.version });
  });
}

function toInput(event: MessageSent, n: number) {
  const { messageId, channelId, actorId, clientId, text, replyToId, attachments, at } = event;
  return {
    n,
    id: messageId,
    channel_id: channelId,
    author_id: actorId,
    client_id: clientId,
    text,
    reply_to_id: replyToId,
    sent_at: at,
    attachments,
  };
}

function toOutcome({ replyToId }: MessageSent, row: SendRow): Outcome {
  if (row.id !== null) return { applied: true, entry: toEntry(row) };
  const rest = replyToId !== null && !row.isAnswer ? noReply : taken;
  return { applied: false, rejection: maySend(row.channel, row.member) ?? rest };
}

const noReply: Rejection = { code: 'BAD_USER_INPUT', message: 'replyToId names no message of this channel.' };
const taken: Rejection = {
  code: 'CONFLICT',
  message: 'A file is attached to another message already: upload it again.',
};
