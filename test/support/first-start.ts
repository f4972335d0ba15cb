import { readFileSync } from 'node:fs';
import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';

/*
 * A process that opens a database and prints its resident memory in megabytes and the ids of its child processes.
 * Argument: the directory of the data.
 */

const [dataDir = ''] = process.argv.slice(2);
const database = await createPgliteDatabase({ dataDir, migrations: paths.migrations });
const residentMb = process.memoryUsage.rss() / 2 ** 20;
const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
process.stdout.write(JSON.stringify({ residentMb, children }));
await database.stop();
