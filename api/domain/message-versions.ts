import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';

const version = columns(tables.messageVersion, 'v', ['messageId', 'text', 'replacedAt']);

/** An earlier text of a message, and the time at which it was replaced. */
export type MessageVersion = Row<typeof version.row>;

/** Creates the look-up of earlier texts of messages, which edits store: see api/bridge/place-edits.ts. */
export function createMessageVersions({ database }: { database: Pick<Database, 'read'> }) {
  return {
    /**
     * Returns the earlier texts of some messages, oldest first, for those that have any.
     * @param reader key of the user who waits for it
     */
    async of(messageIds: readonly string[], reader: string): Promise<{ id: string; versions: MessageVersion[] }[]> {
      const rows = await database.read(reader, selectVersions, { messageIds });
      const found = new Map<string, MessageVersion[]>();
      for (const row of rows) found.set(row.messageId, [...(found.get(row.messageId) ?? []), row]);
      return [...found].map(([id, versions]) => ({ id, versions }));
    },
  };
}

export type MessageVersions = ReturnType<typeof createMessageVersions>;

const selectVersions = statement({
  sql: `SELECT ${version.list} FROM message_version v WHERE v.message_id = ANY($messageIds) ORDER BY v.message_id, v.revision`,
  parameters: { messageIds: arrayOf(uuid) },
  row: version.row,
});
