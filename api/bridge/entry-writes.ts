import { v5 as uuidV5 } from 'uuid';
import type { Entry, EntryKind, Logged, LogPlace } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { int4, text, timestamptz, uuid } from '../infra/database/types.ts';
import { addEntry, addHead, addMembership, type Changeset } from './changeset.ts';
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
  const [row] = await query(insertEntry, { channelId, id, userId, kind, at, memberChange, ...placeOf(event) });
  addMembership(changeset, channelId, userId);
  return addWritten(row, event, changeset);
}

/** Sets the text of an entry, marks it as edited and gives it the next position. */
export async function editEntry(
  query: Query,
  event: Logged & { messageId: string },
  newText: string,
  changeset: Changeset,
): Promise<Entry> {
  const { channelId, messageId, at } = event;
  const [row] = await query(updateEdited, { channelId, id: messageId, at, text: newText, ...placeOf(event) });
  return addWritten(row, event, changeset);
}

/** Removes the text, the files and the reactions of an entry, marks it as deleted and gives it the next position. */
export async function deleteEntry(
  query: Query,
  event: Logged & { messageId: string },
  changeset: Changeset,
): Promise<Entry> {
  const { channelId, messageId, at } = event;
  const [row] = await query(updateDeleted, { channelId, id: messageId, at, ...placeOf(event) });
  return addWritten(row, event, changeset);
}

function addWritten(row: (EntryRow & { version: number }) | undefined, place: LogPlace, changeset: Changeset): Entry {
  if (row === undefined) throw new Error('The channel of an entry does not exist.');
  const { version, ...stored } = row;
  const entry = toEntry(stored);
  const { channelId, position, seq } = entry;
  addEntry(changeset, entry);
  addHead(changeset, { id: channelId, position, seq, version }, place);
  return entry;
}

const written = { ...entryColumns.row, version: tables.channel.columns.version };

const insertEntry = statement({
  sql: `
    WITH raised AS (
      UPDATE channel SET seq = seq + 1, position = position + 1, version = version + 1,
        member_count = member_count + $memberChange, last_activity_at = greatest(last_activity_at, $at),
        ${assignPlace('channel')}
      WHERE id = $channelId RETURNING *
    ), e AS (
      INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at, log_offset)
      SELECT $id, id, $userId, $kind, seq, position, '', $at, $offset FROM raised RETURNING *
    )
    SELECT ${entryColumns.list}, raised.version FROM e, raised`,
  parameters: {
    channelId: uuid,
    id: uuid,
    userId: uuid,
    kind: enums.entryKind,
    at: timestamptz,
    memberChange: int4,
    ...placeParameters,
  },
  row: written,
});

const updateEdited = statement({
  sql: sqlForUpdate('text = $text, edited_at = $at'),
  parameters: { channelId: uuid, id: uuid, at: timestamptz, text, ...placeParameters },
  row: written,
});

const updateDeleted = statement({
  sql: sqlForUpdate(
    `text = '', attachments = '[]', reactions = '[]', deleted_at = $at`,
    'unreacted AS (DELETE FROM reaction WHERE message_id = $id)',
  ),
  parameters: { channelId: uuid, id: uuid, at: timestamptz, ...placeParameters },
  row: written,
});

/** @param also a further common table expression; none if left out */
function sqlForUpdate(assignments: string, also?: string): string {
  return `
    WITH raised AS (
      UPDATE channel SET position = position + 1, version = version + 1, ${assignPlace('channel')}
      WHERE id = $channelId RETURNING *
    ), ${also === undefined ? '' : `${also}, `}e AS (
      UPDATE entry SET ${assignments}, position = raised.position, revision = revision + 1,
        log_offset = $offset
      FROM raised WHERE entry.id = $id RETURNING entry.*
    )
    SELECT ${entryColumns.list}, raised.version FROM e, raised`;
}
