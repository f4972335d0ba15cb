import { maySend } from '../domain/policies.ts';
import type { EventOf, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { type Applied, addEntry, addHead } from './applied.ts';
import { readScene } from './scene.ts';

type MessageSent = EventOf<'MessageSent'>;

/** An entry in its place. */
type SendRow = EntryRow & {
  /** Of the channel after this run; null where the entry was there before. */
  version: number | null;
};

/**
 * A run of sends in one statement, which answers the entries that are there after it. An id that is known has the row that
 * is there, before any other rule; new ones take the next dense places where the channel is open and the author a member.
 * Places are counted from the channel as it was before the statement: under the lock of the log's position nobody else
 * moves it.
 *
 * Its plan is kept, and may be older than most of the rows: so it is written for one shape, which takes the same for each
 * send in tables of any size. What is looked up by a key is a subquery of one row, and nothing is joined with what was just
 * written, of which the planner knows no number of rows.
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
  CROSS JOIN LATERAL (SELECT c.seq, c.position FROM channel c WHERE c.id = i.channel_id AND c.closed_at IS NULL LIMIT 1) c
  CROSS JOIN LATERAL (
    SELECT FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.author_id AND m.state = 'ACTIVE' LIMIT 1) m
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
SELECT ${entryColumns},
  CASE WHEN e.is_new THEN (SELECT c.version + 1 FROM channel c WHERE c.id = e.channel_id) END AS version
FROM (SELECT *, false AS is_new FROM known UNION ALL SELECT *, true FROM added) e`;

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
  const placed = new Map(rows.map((row) => [row.id, row]));
  for (const event of events) {
    const row = placed.get(event.messageId);
    if (row) applied.outcomes.push({ event, outcome: noteEntry(row, applied) });
    else applied.outcomes.push({ event, outcome: { applied: false, rejection: await refusal(query, event) } });
  }
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

function noteEntry(row: SendRow, applied: Applied): Outcome {
  const entry = toEntry(row);
  if (row.version !== null) {
    const { channelId, position, seq } = entry;
    addEntry(applied, entry);
    addHead(applied, { id: channelId, position, seq, version: row.version });
  }
  return { applied: true, entry };
}

/** What spoke against a send, in the order that the gateway asks in. */
async function refusal(query: Query, event: MessageSent): Promise<Rejection> {
  const { channel, actor, entry } = await readScene(query, event);
  return maySend(channel, actor) ?? (event.replyToId !== null && entry?.kind !== 'TEXT' ? noReply : taken);
}

const noReply: Rejection = { code: 'BAD_USER_INPUT', message: 'replyToId names no message of this channel.' };
const taken: Rejection = {
  code: 'CONFLICT',
  message: 'A file is attached to another message already: upload it again.',
};
