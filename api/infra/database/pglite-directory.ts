import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { syncPath } from './pglite-files.js';

const program = new URL('./pglite-create.js', import.meta.url);

/**
 * Creates the files of a database unless the directory exists. The caller holds the lock of its parent directory.
 *
 * `initdb` needs some 500 MB, and memory of WebAssembly never shrinks: it runs in a process of its own, which has ended
 * when this resolves. The files get their name when they are complete and on the disk, so a process that is killed
 * leaves either a database or a draft, which the next call removes.
 * @throws with the output of the process, when the database cannot be created
 */
export async function createDatabaseDirectory(directory: string): Promise<void> {
  await removeDrafts(directory);
  if (await exists(directory)) return;
  const draft = `${directory}${draftSuffix}${randomUUID()}`;
  await mkdir(draft, { mode: 0o700 });
  try {
    await fill(draft);
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

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function fill(directory: string): Promise<void> {
  const child = fork(program, [directory], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const output = child.stderr ? text(child.stderr) : '';
  const [code, signal] = await once(child, 'exit');
  if (code !== 0)
    throw new Error(`The database could not be created (${signal ?? `exit code ${code}`}). ${await output}`);
}
