import { access, chmod, constants, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { explainDiskError } from './disk-errors.ts';
import { codeOf } from './start-errors.ts';

const privateDirectory = 0o700;
const privateFile = 0o600;

/**
 * Creates a directory that only this user may enter, and its parents. Other processes may create them at the same time. Unlike the
 * recursive `mkdir` of Node, which tries for ever in file systems such as `/proc`, it fails where no directory can be created.
 * @throws the error of the system; `ENOTDIR` if the path is that of a file
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await makePrivateDirectory(dirname(resolve(path)));
    await makeOne(path);
  }
}

/** Creates a directory in one that exists, unless it is there. */
async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: privateDirectory });
  } catch (error) {
    if (!(await isDirectory(path))) throw asNotDirectory(error, path);
  }
}

/**
 * Makes a directory of this process for the files of a start, with permissions for its user alone, and checks that files can be
 * written to it.
 * @throws StartError with the remedy if that is not possible
 */
export async function prepareDirectory(path: string): Promise<void> {
  try {
    await makePrivateDirectory(path);
    await restrict(path, privateDirectory);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explainDiskError(error, path);
  }
}

/**
 * Takes the permissions of all other users away from a directory and everything in it, as PostgreSQL insists. Files that belong
 * to another user are left as they are.
 */
export async function makePrivate(directory: string): Promise<void> {
  await restrict(directory, privateDirectory);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await restrict(path, privateDirectory);
    else if (entry.isFile()) await restrict(path, privateFile);
  }
}

/** Sets the mode of a file that others may use: most have it already. */
async function restrict(path: string, mode: number): Promise<void> {
  try {
    if (((await lstat(path)).mode & 0o077) !== 0) await chmod(path, mode);
  } catch (error) {
    // A temporary file may be gone by now.
    if (!['ENOENT', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (!found?.isSymbolicLink()) return found?.isDirectory() ?? false;
  return readdir(path).then(
    () => true,
    () => false,
  );
}

/** A file in place of the directory is reported as EEXIST. */
function asNotDirectory(error: unknown, path: string): unknown {
  if (codeOf(error) !== 'EEXIST') return error;
  return Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${path}'`), { code: 'ENOTDIR' });
}
