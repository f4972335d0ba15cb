import type { Database } from '../infra/database/database.ts';
import { entryColumns, toEntry } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { jsonRowsOf } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';
import type { FeedSource } from './channel-feed.ts';
import type { HeadSource } from './channel-signals.ts';
import { headColumns, toHead } from './head-rows.ts';

/** Returns the queries that feeds send to the database. */
export function createFeedSource({ query }: Pick<Database, 'query'>): FeedSource & HeadSource {
  return {
    async heads(channelIds) {
      const rows = await query(selectHeads, { channelIds });
      return new Map(rows.map((row) => [row.id, toHead(row)]));
    },
    async entriesAfter(channelId, position, most) {
      const [row] = await query(selectEntriesAfter, { channelId, position, most });
      const entries = (row?.entries ?? []).map(toEntry);
      const more = entries.length === most;
      const head = row?.head ?? 0;
      return { entries, more, through: more ? (entries.at(-1)?.position ?? head) : head };
    },
  };
}

const selectHeads = statement({
  sql: `SELECT ${headColumns.list} FROM channel c WHERE c.id = ANY($channelIds)`,
  parameters: { channelIds: arrayOf(uuid) },
  row: headColumns.row,
});

const selectEntriesAfter = statement({
  sql: `
    SELECT c.position AS head, (SELECT json_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
      WHERE e.channel_id = c.id AND e.position > $position ORDER BY e.position LIMIT $most) AS found) AS entries
    FROM channel c WHERE c.id = $channelId`,
  parameters: { channelId: uuid, position: int4, most: int4 },
  row: { head: tables.channel.columns.position, entries: nullable(jsonRowsOf(entryColumns.row)) },
});
