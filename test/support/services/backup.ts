import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDatabaseAt, dropDatabaseAt, findPrograms, runAt } from './postgres.ts';

const run = promisify(execFile);

/** Dumps a database while it is in use, as an operator does. */
export async function dumpDatabase(url: string): Promise<Buffer> {
  const whole = { encoding: 'buffer', maxBuffer: Number.POSITIVE_INFINITY } as const;
  const { stdout } = await run(join(await findPrograms(), 'pg_dump'), ['--format=custom', url], whole);
  return stdout;
}

/** Lets the leases of the processes that ran at the time of the dump end, as they have in a dump that is older than a minute. */
const endLeases = 'UPDATE bridge SET expires_at = least(expires_at, now())';

/** Replaces a database by the contents of a dump, even while clients are connected to it. */
export async function restoreDatabase(url: string, dump: Buffer): Promise<void> {
  const server = new URL('/postgres', url).href;
  const restored = await createDatabaseAt(server);
  const running = run(join(await findPrograms(), 'pg_restore'), [
    '--no-owner',
    '--exit-on-error',
    `--dbname=${restored}`,
  ]);
  running.child.stdin?.end(dump);
  await running;
  await runAt(restored, endLeases);
  await dropDatabaseAt(server, url);
  await runAt(server, `ALTER DATABASE ${nameOf(restored)} RENAME TO ${nameOf(url)}`);
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
