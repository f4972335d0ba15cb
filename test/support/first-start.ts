import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';

/*
 * A process that opens a database and prints its resident memory in megabytes and the commands of child processes that create
 * a database.
 * Argument: the directory of the data.
 */

const [dataDir = ''] = process.argv.slice(2);
const database = await createPgliteDatabase({ dataDir, migrations: paths.migrations });
const residentMb = await settledMb();
const ids = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
// The loader for TypeScript may run a compiler beside it.
const children = ids.map(commandOf).filter((command) => command.includes('pglite-create'));
process.stdout.write(JSON.stringify({ residentMb, children }));
await database.stop();

/** Returns the resident megabytes once they are low: Node 24 needs 800 MB for some seconds while it compiles PostgreSQL. */
async function settledMb(): Promise<number> {
  const deadline = Date.now() + 100_000;
  const resident = () => process.memoryUsage.rss() / 2 ** 20;
  while (resident() > 450 && Date.now() < deadline) await setTimeout(250);
  return resident();
}

/** Returns the command of a process; empty once it has ended. */
function commandOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
