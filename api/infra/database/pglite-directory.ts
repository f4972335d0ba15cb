import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { makePrivate } from '../../private-directory.ts';
import { codeOf, StartError, StartInterruptedError } from '../../start-errors.ts';
import { syncPath } from './pglite-files.js';

const program = new URL('./pglite-create.js', import.meta.url);

/**
 * Creates the files of a database unless the directory has some. The caller holds the lock of its parent directory.
 *
 * `initdb` needs some 500 MB, and memory of WebAssembly never shrinks: it runs in a process of its own, which has ended
 * when this resolves. The files get their name when they are complete and on the disk, so a process that is killed
 * leaves either a database or a draft, which the next call removes.
 * @param stopping ends the process that creates the files
 * @throws StartError when the directory holds other files; StartInterruptedError when `stopping` aborts; an error with the
 *   output of the process when the database cannot be created
 */
export async function createDatabaseDirectory(directory: string, stopping?: AbortSignal): Promise<void> {
  await removeDrafts(directory);
  if (await holdsDatabase(directory)) return makePrivate(directory);
  const draft = `${directory}${draftSuffix}${randomUUID()}`;
  await mkdir(draft, { mode: 0o700 });
  try {
    await fill(draft, stopping);
    await makePrivate(draft);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  await rename(draft, directory);
  syncPath(dirname(directory));
}

const draftSuffix = '.new-';

async function removeDrafts(directory: string): Promise<void> {
  const parent = dirname(directory);
  const names = (await readdir(parent)).filter((name) => name.startsWith(`${basename(directory)}${draftSuffix}`));
  for (const name of names) await rm(join(parent, name), { recursive: true, force: true });
}

/** PostgreSQL would create a new database over the files of one that lost its `PG_VERSION`. An empty directory may be a mount. */
async function holdsDatabase(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [] as string[];
    throw error;
  });
  if (names.length === 0 || names.includes('PG_VERSION')) return names.length > 0;
  throw new StartError(
    `${resolve(directory)} holds files, but no database that can be opened: PG_VERSION is missing. Restore DATA_DIR from a backup, or move the directory away to start with an empty database.`,
  );
}

async function fill(directory: string, stopping: AbortSignal | undefined): Promise<void> {
  if (stopping?.aborted) throw new StartInterruptedError();
  const child = fork(program, [directory], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const end = () => child.kill('SIGKILL');
  stopping?.addEventListener('abort', end, { once: true });
  const output = child.stderr ? text(child.stderr) : '';
  const [code, signal] = await once(child, 'exit');
  stopping?.removeEventListener('abort', end);
  if (stopping?.aborted) throw new StartInterruptedError();
  if (code !== 0) throw new Error((await output).trim() || `its process ended with ${signal ?? `exit code ${code}`}`);
}
