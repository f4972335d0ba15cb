import type { SqlDatabase, TextQuery } from '../../api/infra/database/database.ts';

/** Inserts a row that transactions compete for, and returns the database. */
export async function withRow(database: SqlDatabase): Promise<SqlDatabase> {
  await database.query(`INSERT INTO log_position VALUES ('log', 0, 0)`);
  return database;
}

/** Locks the row. */
export const lock = (query: TextQuery) => query(`SELECT * FROM log_position WHERE log = 'log' FOR UPDATE`);
/** Adds a number to the row. */
export const move = (query: TextQuery, by: number) =>
  query(`UPDATE log_position SET next_offset = next_offset + ${by} WHERE log = 'log'`);
/** Returns the sum of the numbers that were added to the row. */
export const position = async ({ query }: SqlDatabase) =>
  (await query<{ at: string }>('SELECT next_offset::text AS at FROM log_position'))[0]?.at;

/** Creates a promise, and a function that resolves it. */
export function gate() {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { pass, passed };
}
