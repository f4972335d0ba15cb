import type { Query } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { nullable, timestamptz, uuid } from '../../infra/database/types.ts';
import { portion } from './job.ts';

/** Returns when the most recently active public room changed, in epoch milliseconds; 0 if there is none. One row is read. */
export async function newestRoomChange(query: Query): Promise<number> {
  const [room] = await query(selectNewestRoom, {});
  return room?.at.getTime() ?? 0;
}

/**
 * Returns the newest change of the next portion of channels, in epoch milliseconds.
 * @param after id of the channel before them
 * @returns `lastId` is null if there are no more channels
 */
export async function newestChangeAfter(query: Query, after: string): Promise<{ at: number; lastId: string | null }> {
  const [found] = await query(selectNewestOfPortion, { after });
  return { at: found?.at?.getTime() ?? 0, lastId: found?.lastId ?? null };
}

const selectNewestRoom = statement({
  sql: `
    SELECT c.last_activity_at AS at FROM channel c WHERE c.kind = 'ROOM' AND c.visibility = 'PUBLIC' AND c.closed_at IS NULL
    ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1`,
  row: { at: timestamptz },
});

const selectNewestOfPortion = statement({
  sql: `
    SELECT max(c.last_activity_at) AS at, (array_agg(c.id ORDER BY c.id DESC))[1] AS "lastId"
    FROM (SELECT id, last_activity_at FROM channel WHERE id > $after ORDER BY id LIMIT ${portion}) c`,
  parameters: { after: uuid },
  row: { at: nullable(timestamptz), lastId: nullable(uuid) },
});
