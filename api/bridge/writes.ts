import { v5 as uuidV5 } from 'uuid';
import type { ChannelEvent, Entry, EntryKind, MemberRole, UserFacts } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { addEntry, addHead, type Changeset, type ChannelHead } from './changeset.ts';

/** The columns of a channel's head, from a table named `channel`. */
const headColumns = 'channel.id, channel.position, channel.seq, channel.version';

/** Inserts the users that the database lacks: one restored from a backup may. */
export async function insertUsers(query: Query, users: readonly UserFacts[]): Promise<void> {
  await query(
    `INSERT INTO users (id, name, created_at)
     SELECT id, name, "createdAt" FROM jsonb_to_recordset($1::jsonb) AS u(id uuid, name text, "createdAt" timestamptz)
     ON CONFLICT DO NOTHING`,
    [JSON.stringify(users)],
  );
}

/**
 * Gives somebody's coming or going the next place of its channel.
 * @param members by how many the channel's members change
 */
export async function placeEntry(
  query: Query,
  event: ChannelEvent,
  { kind, userId, members }: { kind: EntryKind; userId: string; members: number },
  applied: Changeset,
): Promise<Entry> {
  const [row] = await query<EntryRow & { version: number }>(
    `WITH raised AS (
       UPDATE channel SET seq = seq + 1, position = position + 1, version = version + 1,
         member_count = member_count + $6, last_activity_at = greatest(last_activity_at, $5)
       WHERE id = $1 RETURNING *
     ), e AS (
       INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at)
       SELECT $2, id, $3, $4::entry_kind, seq, position, '', $5 FROM raised RETURNING *
     )
     SELECT ${entryColumns}, raised.version FROM e, raised`,
    [event.channelId, uuidV5(userId, event.eventId), userId, kind, event.at, members],
  );
  return noteEntry(row, [userId], applied);
}

/** Gives an entry a new text and the next position, as edited or as deleted. */
export async function rewriteEntry(
  query: Query,
  event: ChannelEvent & { messageId: string },
  { text, mark }: { text: string; mark: 'edited_at' | 'deleted_at' },
  applied: Changeset,
): Promise<Entry> {
  const [row] = await query<EntryRow & { version: number }>(
    `WITH raised AS (
       UPDATE channel SET position = position + 1, version = version + 1 WHERE id = $1 RETURNING *
     ), e AS (
       UPDATE entry SET text = $3, ${mark} = $4, ${mark === 'deleted_at' ? "attachments = '[]', " : ''}position = raised.position, revision = revision + 1
       FROM raised WHERE entry.id = $2 RETURNING entry.*
     )
     SELECT ${entryColumns}, raised.version FROM e, raised`,
    [event.channelId, event.messageId, text, event.at],
  );
  return noteEntry(row, [], applied);
}

/** Sets a membership to active, anew or again. */
export async function activateMember(
  query: Query,
  event: ChannelEvent,
  { userId, role, joinedSeq }: { userId: string; role: MemberRole; joinedSeq: number },
): Promise<void> {
  await query(
    `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
     VALUES ($1, $2, $3::member_role, 'ACTIVE', $4, $5)
     ON CONFLICT (channel_id, user_id) DO UPDATE SET role = excluded.role, state = 'ACTIVE',
       joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, revision = member.revision + 1`,
    [event.channelId, userId, role, event.at, joinedSeq],
  );
}

/**
 * Changes a channel's own columns, which takes no position.
 * @param assignments SQL, with parameters from `$2` on
 */
export async function updateChannel(
  query: Query,
  channelId: string,
  assignments: string,
  parameters: readonly unknown[],
  applied: Changeset,
): Promise<void> {
  const [head] = await query<ChannelHead>(
    `UPDATE channel SET ${assignments}, version = version + 1 WHERE id = $1 RETURNING ${headColumns}`,
    [channelId, ...parameters],
  );
  if (head) addHead(applied, head);
}

function noteEntry(
  row: (EntryRow & { version: number }) | undefined,
  userIds: readonly string[],
  applied: Changeset,
): Entry {
  if (row === undefined) throw new Error('the channel of an entry is gone');
  const entry = toEntry(row);
  addEntry(applied, entry);
  addHead(applied, { id: entry.channelId, position: entry.position, seq: row.seq, version: row.version }, userIds);
  return entry;
}
