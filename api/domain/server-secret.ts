import { randomBytes } from 'node:crypto';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';

/** Length of a secret in bytes, which is also the length of a namespace of UUIDs. */
const secretBytes = 16;

/**
 * Returns a secret of this database: 16 random bytes, the same in every process and for as long as the database exists. The
 * first call makes it. It does not depend on `JWT_SECRET`, so that rotating that one leaves it as it is.
 * @param name purpose of the secret; each purpose has its own
 */
export async function readServerSecret({ query }: Pick<Database, 'query'>, name: string): Promise<Uint8Array> {
  await query(insertSecret, { name, value: randomBytes(secretBytes) });
  const [secret] = await query(selectSecret, { name });
  if (secret === undefined) throw new Error(`the secret ${name} was just stored`);
  return secret.value;
}

const { name, value } = tables.serverSecret.columns;

const insertSecret = statement({
  sql: 'INSERT INTO server_secret (name, value) VALUES ($name, $value) ON CONFLICT DO NOTHING',
  parameters: { name, value },
});

const selectSecret = statement({
  sql: 'SELECT value FROM server_secret WHERE name = $name',
  parameters: { name },
  row: { value },
});
