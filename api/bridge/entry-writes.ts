import { v5 as uuidV5 } from 'uuid';
import type { Entry, EntryKind, EventOf, Logged, LogPlace } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { deleteMentionsOf } from '../infra/database/mentions.ts';
import { statement } from '../infra/database/statement.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { bool, int4, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { addEntry, addHead, addMembership, addReply, type Changeset } from './changeset.ts';
import { assignPlace, placeOf, placeParameters } from './tracking.ts';

/**
 * Inserts the entry of a user who joined or left, at the next place of the channel.
 * @param memberChange number added to the channel's member count
 */
export async function insertMembershipEntry(
  query: Query,
  event: Logged,
  { kind, userId, memberChange }: { kind: EntryKind; userId: string; memberChange: number },
  changeset: Changeset,
): Promise<Entry> {
  const { channelId, at, eventId } = event;
  const id = uuidV5(userId, eventId);
  const nothing = { clientId: null, shown: '', data: null };
  const [row] = await query(insertEntry, {
    channelId,
    id,
    userId,
    kind,
    at,
    memberChange,
    ...nothing,
    ...placeOf(event),
  });
  addMembership(changeset, channelId, userId);
  return addWritten(row, event, changeset);
}

/**
 * Inserts the entry of a notice at the next place of the channel.
 * @param authorId the user that the notice is about, or the system user
 */
export async function insertNotice(
  query: Query,
  event: Logged<EventOf<'NoticeSent'>>,
  authorId: string,
  changeset: Changeset,
): Promise<Entry> {
  const { channelId, messageId: id, clientId, text: shown, data, at } = event;
  const entry = {
    channelId,
    id,
    userId: authorId,
    kind: 'NOTICE',
    clientId,
    shown,
    data,
    at,
    memberChange: 0,
  } as const;
  const [row] = await query(insertEntry, { ...entry, ...placeOf(event) });
  return addWritten(row, event, changeset);
}

/** Removes the content of an entry, marks it as deleted and gives it the next position. */
export async function deleteEntry(
  query: Query,
  event: Logged & { messageId: string },
  changeset: Changeset,
): Promise<Entry> {
  const { channelId, messageId, at } = event;
  const [row] = await query(updateDeleted, { channelId, id: messageId, at, ...placeOf(event) });
  const entry = addWritten(row, event, changeset);
  addReply(changeset, entry, -1);
  return entry;
}

function addWritten(row: WrittenRow | undefined, place: LogPlace, changeset: Changeset): Entry {
  if (row === undefined) throw new Error('The channel of an entry does not exist.');
  const { version, channelSeq, isChanged = false, ...stored } = row;
  const entry = toEntry(stored);
  addEntry(changeset, entry);
  addHead(changeset, { id: entry.channelId, position: entry.position, seq: channelSeq, version }, place, isChanged);
  return entry;
}

const { version, seq: channelSeq } = tables.channel.columns;
const written = { ...entryColumns.row, version, channelSeq };
const writtenList = `${entryColumns.list}, raised.version, raised.seq AS "channelSeq"`;
type WrittenRow = EntryRow & { version: number; channelSeq: number; isChanged?: boolean };

const insertEntry = statement({
  sql: `
    WITH raised AS (
      UPDATE channel SET seq = seq + 1, position = position + 1, version = version + 1,
        member_count = member_count + $memberChange, last_activity_at = greatest(last_activity_at, $at),
        ${assignPlace('channel')}
      WHERE id = $channelId RETURNING *
    ), e AS (
      INSERT INTO entry (id, channel_id, author_id, kind, client_id, seq, position, text, data, sent_at, log_offset)
      SELECT $id, id, $userId, $kind, $clientId, seq, position, $shown, $data, $at, $offset FROM raised RETURNING *
    )
    SELECT ${writtenList} FROM e, raised`,
  parameters: {
    channelId: uuid,
    id: uuid,
    userId: uuid,
    kind: enums.entryKind,
    clientId: nullable(text),
    shown: text,
    data: nullable(text),
    at: timestamptz,
    memberChange: int4,
    ...placeParameters,
  },
  row: written,
});

/** The statement sees the entry as it was: its mentions are those to remove, and its pin changes the channel. */
const wasPinned = '(SELECT p.pinned_at IS NOT NULL FROM entry p WHERE p.id = $id)';
const updateDeleted = statement({
  sql: `
    WITH raised AS (
      UPDATE channel SET position = position + 1, version = version + 1, ${assignPlace('channel', { isChanged: wasPinned })}
      WHERE id = $channelId RETURNING *
    ), e AS (
      UPDATE entry SET text = '', attachments = '[]', data = NULL, mention_ids = '{}', mentions_all = false, reactions = '[]',
        deleted_at = $at, pinned_at = NULL, position = raised.position, revised_position = raised.position, revision = revision + 1,
        log_offset = $offset
      FROM raised WHERE entry.id = $id RETURNING entry.*
    ), unmentioned AS (${deleteMentionsOf('(SELECT * FROM entry WHERE id = $id)')}), unreacted AS (
      DELETE FROM reaction WHERE message_id = $id
    ), unversioned AS (
      DELETE FROM message_version WHERE message_id = $id
    )
    SELECT ${writtenList}, ${wasPinned} AS "isChanged" FROM e, raised`,
  parameters: { channelId: uuid, id: uuid, at: timestamptz, ...placeParameters },
  row: { ...written, isChanged: bool },
});
