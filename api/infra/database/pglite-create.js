import { PGlite } from '@electric-sql/pglite';
import { syncTree } from './pglite-files.js';
import { startParams } from './pglite-parameters.js';

/*
 * A program that creates a database in an empty directory, flushes it to the disk and ends. Argument: the directory.
 * In JavaScript, because Node starts it without a loader for TypeScript.
 */

// It ends with the process that started it, also after that was killed. Signals to the whole group are for that process.
process.on('disconnect', () => process.exit(1));
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const [dataDir = ''] = process.argv.slice(2);
const database = await PGlite.create({ dataDir, startParams });
await database.close();
syncTree(dataDir);
process.exit(0);
