import type { SqlDatabase, TextQuery } from '../../api/infra/database/database.ts';

/** A row to fight over. */
export async function withRow(database: SqlDatabase): Promise<SqlDatabase> {
  await database.query(`INSERT INTO log_position VALUES ('log', 0, 0)`);
  return database;
}

/** Locks it. */
export const lock = (query: TextQuery) => query(`SELECT * FROM log_position WHERE log = 'log' FOR UPDATE`);
/** Changes it. */
export const move = (query: TextQuery, by: number) =>
  query(`UPDATE log_position SET next_offset = next_offset + ${by} WHERE log = 'log'`);
/** How far it was moved. */
export const position = async ({ query }: SqlDatabase) =>
  (await query<{ at: string }>('SELECT next_offset::text AS at FROM log_position'))[0]?.at;

/** A promise, and what settles it. */
export function gate() {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { pass, passed };
}
