import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { checkSpace } from '../../disk-space.ts';
import { UnavailableError } from '../../errors.ts';
import { ignore } from '../../ignore.ts';
import { prepareDirectory } from '../../private-directory.ts';
import {
  type ByteRange,
  checkKey,
  type ObjectPage,
  type Objects,
  type PutOptions,
  type StoredObject,
} from './objects.ts';

/** Number of objects in a page of a list. */
const pageSize = 500;

/**
 * Stores objects as files in a directory, which several processes may share. An incoming file has a temporary name until
 * it is complete and flushed to the disk.
 * @param options.directory created if it does not exist
 */
export async function createFileObjects({ directory }: { directory: string }): Promise<Objects> {
  const root = join(directory, 'kept');
  const incoming = join(directory, 'incoming');
  for (const path of [directory, root, incoming]) await prepareDirectory(path);

  return {
    readOrigin: null,
    put,
    presignPost: async () => null,
    readUrl: async () => null,
    head,
    get,
    copy,
    async remove(keys) {
      for (const key of keys) await rm(join(root, checkKey(key)), { force: true });
    },
    list,
    removeIncomplete,
    async ready() {
      await stat(root).catch((error: unknown) => {
        throw toUnavailable(error);
      });
      await checkSpace(incoming);
    },
    stop: async () => {},
  };

  async function put(key: string, body: Readable, { signal }: PutOptions): Promise<number> {
    const path = join(root, checkKey(key));
    const partial = join(incoming, randomUUID());
    // The stream may fail before it is read; `write` rejects then.
    body.on('error', ignore);
    try {
      const bytes = await write(partial, body, signal);
      await makeFolder(dirname(path));
      await rename(partial, path);
      await syncFolder(dirname(path)).catch(async (error: unknown) => {
        await rm(path, { force: true });
        throw error;
      });
      return bytes;
    } catch (error) {
      body.destroy();
      await rm(partial, { force: true });
      throw toUnavailable(error);
    }
  }

  async function makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
    // Each new parent needs a sync of its own for its name to survive a crash.
    if (first)
      for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  }

  async function head(key: string): Promise<StoredObject | null> {
    const found = await stat(join(root, checkKey(key))).catch(nullIfMissing);
    return found && { key, bytes: found.size, storedAt: found.mtime };
  }

  async function get(key: string, range?: ByteRange): Promise<Readable | null> {
    const file = await open(join(root, checkKey(key)), 'r').catch(nullIfMissing);
    return file?.createReadStream(range ?? {}) ?? null;
  }

  async function copy(from: string, to: string, options: PutOptions): Promise<StoredObject | null> {
    checkKey(to);
    const body = await get(from);
    if (body === null) return null;
    await put(to, body, options);
    return head(to);
  }

  /** A cursor is the number of files before it, in the order in which the disk returns them. */
  async function* list(after = '0'): AsyncIterable<ObjectPage> {
    const skipped = Number(after);
    let seen = 0;
    let objects: StoredObject[] = [];
    for await (const path of filesIn(root)) {
      if (++seen <= skipped) continue;
      const object = await head(path.slice(root.length + 1));
      if (object) objects.push(object);
      if (objects.length < pageSize) continue;
      yield { objects, cursor: String(seen) };
      objects = [];
    }
    if (objects.length > 0) yield { objects, cursor: String(seen) };
  }

  async function removeIncomplete(before: Date): Promise<void> {
    for (const name of await readdir(incoming)) {
      const path = join(incoming, name);
      const found = await stat(path).catch(nullIfMissing);
      if (found && found.mtime < before) await rm(path, { force: true });
    }
  }
}

async function write(path: string, body: Readable, signal: AbortSignal | undefined): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  try {
    if (signal) addAbortSignal(signal, body);
    await writeFile(file, body);
    // The content must be on the disk before the file gets its final name.
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** Flushes a folder to the disk: until then, a crash can undo a rename within it. */
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } finally {
    await folder?.close();
  }
}

/** Walks a folder lazily: it may hold millions of files. */
async function* filesIn(folder: string): AsyncIterable<string> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw toUnavailable(error);
}

const unavailableCodes = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EIO', 'EROFS', 'ENOENT', 'EACCES']);

/** Wraps an error of the disk in an UnavailableError; other errors are returned unchanged. */
function toUnavailable(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return unavailableCodes.has(code)
    ? new UnavailableError('Files cannot be stored right now. Try again.', { cause: error })
    : error;
}
