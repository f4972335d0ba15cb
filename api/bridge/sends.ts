import { maySend } from '../domain/policies.ts';
import type { Entry, EventOf, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { addEntry, addHead, type Changeset } from './changeset.ts';
import { readEventContext } from './event-context.ts';

type MessageSent = EventOf<'MessageSent'>;

/** What a send was given; the rest of its entry is what the event says. */
interface Place {
  /** Which of the run it is, from 1 on. */
  n: number;
  seq: number;
  position: number;
  /** Of the channel after this run. */
  version: number;
  replyToAuthorId: string | null;
}

/**
 * A run of sends in one statement: those whose id is new take the next dense places where the channel is open and the author a
 * member. Places are counted from the channel as it was before the statement: under the lock of the log's position nobody else
 * moves it. Columns come as arrays, which take PostgreSQL far less than JSON, and nothing comes back that the event says.
 *
 * Its plan is kept, and may be older than most of the rows: so it is written for one shape, which takes the same for each
 * send in tables of any size. What is looked up by a key is a subquery of one row, and nothing is joined with what was just
 * written, of which the planner knows no number of rows.
 */
const statementFor = (hasFiles: boolean) => `
WITH input AS (
  SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[]${hasFiles ? ', $8::jsonb[]' : ''}
  ) WITH ORDINALITY AS i(id, channel_id, author_id, client_id, text, reply_to_id, sent_at${hasFiles ? ', attachments' : ''}, n)
), allowed AS (
  SELECT i.*, c.seq, c.position, c.version, row_number() OVER (PARTITION BY i.channel_id ORDER BY i.n)::int AS place
  FROM input i
  CROSS JOIN LATERAL (
    SELECT c.seq, c.position, c.version FROM channel c WHERE c.id = i.channel_id AND c.closed_at IS NULL LIMIT 1) c
  CROSS JOIN LATERAL (
    SELECT FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.author_id AND m.state = 'ACTIVE' LIMIT 1) m
  WHERE NOT EXISTS (SELECT FROM entry e WHERE e.id = i.id)
    AND (i.reply_to_id IS NULL OR EXISTS (
      SELECT FROM entry r WHERE r.id = i.reply_to_id AND r.channel_id = i.channel_id AND r.kind = 'TEXT'))
    ${hasFiles ? unattached : ''}
), raised AS (
  UPDATE channel c SET seq = c.seq + a.count, position = c.position + a.count, version = c.version + 1,
    last_activity_at = greatest(c.last_activity_at, a.at)
  FROM (SELECT channel_id, count(*)::int AS count, max(sent_at) AS at FROM allowed GROUP BY channel_id) a
  WHERE c.id = a.channel_id
), added AS (
  INSERT INTO entry (id, channel_id, author_id, kind, client_id, seq, position, text, reply_to_id, sent_at, attachments)
  SELECT id, channel_id, author_id, 'TEXT', client_id, seq + place, position + place, text, reply_to_id, sent_at,
    ${hasFiles ? 'attachments' : "'[]'"}
  FROM allowed
)${hasFiles ? attached : ''}
SELECT n::int, seq + place AS seq, position + place AS position, version + 1 AS version,
  (SELECT r.author_id FROM entry r WHERE r.id = allowed.reply_to_id) AS "replyToAuthorId"
FROM allowed`;

/**
 * A file is attached once. Where a restored database lacks the upload's own row, it is made again of what the event says: the
 * file is served by it, and kept.
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
const statements = { plain: statementFor(false), withFiles: statementFor(true) };

/**
 * Applies a run of sends, all with files or all without, none of which repeats or answers another of the run.
 * @param query of the transaction that holds the log's position
 */
export async function applySends(query: Query, events: readonly MessageSent[], applied: Changeset): Promise<void> {
  const hasFiles = events.some(({ attachments }) => attachments.length > 0);
  const rows = await query<Place>(hasFiles ? statements.withFiles : statements.plain, toColumns(events, hasFiles));
  const places = new Map(rows.map((place) => [place.n, place]));
  const others = await answerOthers(
    query,
    events.filter((_, n) => !places.has(n + 1)),
  );
  for (const [n, event] of events.entries()) {
    const place = places.get(n + 1);
    const outcome = place ? notePlaced(event, place, applied) : others.get(event);
    if (outcome) applied.outcomes.push({ event, outcome });
  }
}

function toColumns(events: readonly MessageSent[], hasFiles: boolean): unknown[] {
  const column = (read: (event: MessageSent) => string | null) => events.map(read);
  return [
    column(({ messageId }) => messageId),
    column(({ channelId }) => channelId),
    column(({ actorId }) => actorId),
    column(({ clientId }) => clientId),
    column(({ text }) => text),
    column(({ replyToId }) => replyToId),
    column(({ at }) => at),
    ...(hasFiles ? [column(({ attachments }) => JSON.stringify(attachments))] : []),
  ];
}

function notePlaced(event: MessageSent, place: Place, applied: Changeset): Outcome {
  const { channelId, actorId, clientId, text, replyToId, attachments } = event;
  const { seq, position, version, replyToAuthorId } = place;
  const entry: Entry = {
    id: event.messageId,
    channelId,
    authorId: actorId,
    kind: 'TEXT',
    clientId,
    seq,
    position,
    text,
    replyToId,
    replyToAuthorId,
    attachments,
    sentAt: event.at,
    editedAt: null,
    deletedAt: null,
    revision: 0,
  };
  addEntry(applied, entry);
  addHead(applied, { id: channelId, position, seq, version });
  return { applied: true, entry };
}

/** Those that took no place: an id that is known has the row that is there, before any rule is asked. */
async function answerOthers(query: Query, events: readonly MessageSent[]): Promise<Map<MessageSent, Outcome>> {
  const outcomes = new Map<MessageSent, Outcome>();
  if (events.length === 0) return outcomes;
  const rows = await query<EntryRow>(`SELECT ${entryColumns} FROM entry e WHERE e.id = ANY($1::uuid[])`, [
    events.map(({ messageId }) => messageId),
  ]);
  const known = new Map(rows.map((row) => [row.id, toEntry(row)]));
  for (const event of events) {
    const entry = known.get(event.messageId);
    outcomes.set(event, entry ? { applied: true, entry } : { applied: false, rejection: await refusal(query, event) });
  }
  return outcomes;
}

/** What spoke against a send, in the order that the gateway asks in. */
async function refusal(query: Query, event: MessageSent): Promise<Rejection> {
  const { channel, actor, entry } = await readEventContext(query, event);
  return maySend(channel, actor) ?? (event.replyToId !== null && entry?.kind !== 'TEXT' ? noReply : taken);
}

const noReply: Rejection = { code: 'BAD_USER_INPUT', message: 'replyToId names no message of this channel.' };
const taken: Rejection = {
  code: 'CONFLICT',
  message: 'A file is attached to another message already: upload it again.',
};
