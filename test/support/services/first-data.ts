import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { paths } from '../../../api/config.ts';
import { createPgliteDatabase } from '../../../api/infra/database/pglite.ts';

const writeImage = fileURLToPath(new URL('../../../api/infra/database/pglite-image.js', import.meta.url));

/** Data of a server in one process before its first user. */
export interface FirstData {
  /** A `DATA_DIR` with an empty database. */
  directory: string;
  /** Path of the image of an empty database without tables, as the build makes it. */
  image: string;
}

/** Makes a database in a directory and in a file once, since making each takes seconds of a core. */
export async function createFirstData(): Promise<{ data: FirstData; stop(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'parley-first-'));
  const data = { directory: join(root, 'data'), image: join(root, 'database.tar.gz') };
  await promisify(execFile)(process.execPath, [writeImage, data.image]);
  const database = await createPgliteDatabase({ dataDir: data.directory, migrations: paths.migrations });
  await database.stop();
  return { data, stop: () => rm(root, { recursive: true }) };
}
