import type { AttachmentFacts, Entry, EntryKind } from '../../events.ts';

/** The columns of an entry, from a table or expression named `e`. */
export const entryColumns = `e.id, e.channel_id AS "channelId", e.author_id AS "authorId", e.kind, e.client_id AS "clientId",
  e.seq, e.position, e.text, e.reply_to_id AS "replyToId",
  (SELECT r.author_id FROM entry r WHERE r.id = e.reply_to_id) AS "replyToAuthorId", e.sent_at AS "sentAt", e.edited_at AS "editedAt",
  e.deleted_at AS "deletedAt", e.revision, e.attachments`;

/** Of an entry `e`: its author is not blocked by a user, whose id is an expression. */
export const unblockedBy = (userId: string) =>
  `NOT EXISTS (SELECT FROM block b WHERE b.blocker_id = ${userId} AND b.blocked_id = e.author_id)`;

/** An entry as a statement with `entryColumns` returns it. */
export interface EntryRow {
  id: string;
  channelId: string;
  authorId: string;
  kind: EntryKind;
  clientId: string | null;
  seq: number;
  position: number;
  text: string;
  replyToId: string | null;
  replyToAuthorId: string | null;
  sentAt: Date | string;
  editedAt: Date | string | null;
  deletedAt: Date | string | null;
  revision: number;
  attachments: AttachmentFacts[];
}

/** The entry of a row, its times as ISO 8601. Rows that were aggregated as JSON have their times as text. */
export function toEntry(row: EntryRow): Entry {
  const {
    id,
    channelId,
    authorId,
    kind,
    clientId,
    seq,
    position,
    text,
    replyToId,
    replyToAuthorId,
    revision,
    attachments,
  } = row;
  return {
    id,
    channelId,
    authorId,
    kind,
    clientId,
    seq,
    position,
    text,
    replyToId,
    replyToAuthorId,
    attachments,
    sentAt: new Date(row.sentAt).toISOString(),
    editedAt: toTime(row.editedAt),
    deletedAt: toTime(row.deletedAt),
    revision,
  };
}

function toTime(value: Date | string | null): string | null {
  return value === null ? null : new Date(value).toISOString();
}
