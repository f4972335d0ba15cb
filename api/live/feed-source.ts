import type { Database } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import type { FeedsSource } from './feeds.ts';

/** Returns the queries that feeds send to the database. */
export function createFeedSource({ query }: Pick<Database, 'query'>): FeedsSource {
  async function heads(channelIds: readonly string[]) {
    const rows = await query<{ id: string; position: number }>(
      'SELECT id, position FROM channel WHERE id = ANY($1::uuid[])',
      [channelIds],
    );
    return new Map(rows.map(({ id, position }) => [id, position]));
  }

  return {
    heads,
    head: async (channelId) => (await heads([channelId])).get(channelId) ?? 0,
    async entriesAfter(channelId, position, most) {
      const [row] = await query<{ head: number; entries: EntryRow[] | null }>(
        `SELECT c.position AS head, (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns} FROM entry e
           WHERE e.channel_id = c.id AND e.position > $2 ORDER BY e.position LIMIT $3) AS found) AS entries
         FROM channel c WHERE c.id = $1`,
        [channelId, position, most],
      );
      const entries = (row?.entries ?? []).map(toEntry);
      const more = entries.length === most;
      const head = row?.head ?? 0;
      return { entries, more, through: more ? (entries.at(-1)?.position ?? head) : head };
    },
  };
}
