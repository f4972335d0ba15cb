import { syncTree } from './pglite-files.js';
import { open } from './pglite-open.js';

/*
 * A program that creates a database in an empty directory, flushes it to the disk and ends. Argument: the directory.
 * In JavaScript, because Node starts it without a loader for TypeScript.
 */

// It ends with the process that started it, also after that was killed. Signals to the whole group are for that process.
process.on('disconnect', () => process.exit(1));
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const [dataDir = ''] = process.argv.slice(2);
try {
  const database = await open({ dataDir });
  await database.close();
  syncTree(dataDir);
  process.exit(0);
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
