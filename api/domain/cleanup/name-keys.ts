import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { arrayOf, text, uuid } from '../../infra/database/types.ts';
import { comparisonKey } from '../../text/comparison-key.ts';
import { type CleanupJob, hourMs, portion } from './job.ts';

/**
 * Creates the job that computes missing keys of names, of users and rooms: those from before keys were stored, and those that
 * a process of a former release has written.
 */
export function createNameKeys({ query }: Pick<Database, 'query'>): CleanupJob {
  return {
    name: 'name keys',
    intervalMs: hourMs,
    async step() {
      const goOn = [await fill(ofUsers), await fill(ofChannels)];
      return { next: goOn.includes(true) ? '' : null, removed: {} };
    },
  };

  /** Returns whether to go on: not if all rows of a portion are held, which would be read again and again. */
  async function fill({ select, update }: typeof ofUsers): Promise<boolean> {
    const rows = await query(select, {});
    const changed = await query(update, {
      ids: rows.map(({ id }) => id),
      names: rows.map(({ name }) => name),
      keys: rows.map(({ name }) => comparisonKey(name)),
    });
    return rows.length === portion && changed.length > 0;
  }
}

const ofUsers = declareKeys('users');
const ofChannels = declareKeys('channel');

/** Rows that a transaction holds are left to the next round: the bridge locks channels in an order of its own. */
function declareKeys(table: 'users' | 'channel') {
  const isMissing = table === 'users' ? 'name_key IS NULL' : 'name_key IS NULL AND name IS NOT NULL';
  return {
    select: statement({
      sql: `SELECT id, name FROM ${table} WHERE ${isMissing} ORDER BY id LIMIT ${portion}`,
      parameters: {},
      row: { id: uuid, name: text },
    }),
    update: statement({
      sql: `
        UPDATE ${table} t SET name_key = k.key
        FROM unnest($ids, $names, $keys) AS k(id, name, key)
        WHERE t.id = k.id AND t.name = k.name AND t.id = ANY(ARRAY(
          SELECT id FROM ${table} WHERE id = ANY($ids) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))
        RETURNING t.id`,
      parameters: { ids: arrayOf(uuid), names: arrayOf(text), keys: arrayOf(text) },
      row: { id: uuid },
    }),
  };
}
