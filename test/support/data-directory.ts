import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedFirstData } from './services/shared.ts';

/** Makes a temporary `DATA_DIR` with an empty database, in which a server starts faster than in an empty directory. */
export async function createDataDirectory(prefix = 'parley-'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  await cp((await sharedFirstData()).directory, directory, { recursive: true });
  return directory;
}
