import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDatabaseAt, dropDatabaseAt, findPrograms, runAt } from './postgres.ts';

const run = promisify(execFile);

/** Writes what a database holds to a file, as an operator does, while it is in use. */
export async function dumpDatabase(url: string, file: string): Promise<void> {
  await run(join(await findPrograms(), 'pg_dump'), ['--format=custom', `--file=${file}`, url]);
}

/** Puts what a file holds in the place of a database, whoever is connected to it. */
export async function restoreDatabase(url: string, file: string): Promise<void> {
  const server = new URL('/postgres', url).href;
  const restored = await createDatabaseAt(server);
  await run(join(await findPrograms(), 'pg_restore'), ['--no-owner', '--exit-on-error', `--dbname=${restored}`, file]);
  await dropDatabaseAt(server, url);
  await runAt(server, `ALTER DATABASE ${nameOf(restored)} RENAME TO ${nameOf(url)}`);
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
