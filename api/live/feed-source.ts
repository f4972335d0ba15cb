import type { Database } from '../infra/database/database.ts';
import { entryColumns, toEntry } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonRowsOf } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';
import type { FeedsSource } from './feeds.ts';

/** Returns the queries that feeds send to the database. */
export function createFeedSource({ query }: Pick<Database, 'query'>): FeedsSource {
  async function heads(channelIds: readonly string[]) {
    const rows = await query(selectHeads, { channelIds });
    return new Map(rows.map(({ id, position }) => [id, position]));
  }

  return {
    heads,
    head: async (channelId) => (await heads([channelId])).get(channelId) ?? 0,
    async entriesAfter(channelId, position, most) {
      const [row] = await query(selectEntriesAfter, { channelId, position, most });
      const entries = (row?.entries ?? []).map(toEntry);
      const more = entries.length === most;
      const head = row?.head ?? 0;
      return { entries, more, through: more ? (entries.at(-1)?.position ?? head) : head };
    },
  };
}

const head = columns(tables.channel, 'c', ['id', 'position']);

const selectHeads = statement({
  sql: `SELECT ${head.list} FROM channel c WHERE c.id = ANY($channelIds)`,
  parameters: { channelIds: arrayOf(uuid) },
  row: head.row,
});

const selectEntriesAfter = statement({
  sql: `
    SELECT c.position AS head, (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
      WHERE e.channel_id = c.id AND e.position > $position ORDER BY e.position LIMIT $most) AS found) AS entries
    FROM channel c WHERE c.id = $channelId`,
  parameters: { channelId: uuid, position: int4, most: int4 },
  row: { head: tables.channel.columns.position, entries: nullable(jsonRowsOf(entryColumns.row)) },
});
