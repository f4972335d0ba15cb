import { rm } from 'node:fs/promises';
import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { startProcess } from '../support/process.ts';
import { describeIsolation, type Product } from './isolation.ts';
import { crowds } from './parties/crowds.ts';
import { seed } from './seeds.ts';

describeIsolation('embedded', start, crowds);

/** Starts a server of one process, with users and channels. */
async function start(): Promise<Product> {
  const directory = await createDataDirectory('parley-isolation-');
  const first = await startProcess({ DATA_DIR: directory });
  const { seeds, sql } = await seed(first.url);
  await first.kill('SIGTERM');
  const database = await createPgliteDatabase({ dataDir: directory, migrations: paths.migrations });
  await database.query(sql);
  // As the server does within a minute: until then statements are planned for an empty table.
  await database.query('ANALYZE');
  await database.stop();
  const server = await startProcess({ DATA_DIR: directory, RATE_LIMITS: 'on' });
  return {
    url: server.url,
    seeds,
    async stop() {
      await server.kill();
      await rm(directory, { recursive: true });
    },
  };
}
