import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { UnavailableError } from '../../errors.ts';
import { ignore } from '../../ignore.ts';
import { type ByteRange, checkKey, type Objects, type PutOptions, type StoredObject } from './objects.ts';

/**
 * Objects as files of a directory, which several processes may share. One that is being stored has another name until it is whole
 * and on the disk.
 * @param options.directory made when it is not there
 */
export async function createFileObjects({ directory }: { directory: string }): Promise<Objects> {
  const kept = join(directory, 'kept');
  const incoming = join(directory, 'incoming');
  await mkdir(kept, { recursive: true, mode: 0o700 });
  await mkdir(incoming, { recursive: true, mode: 0o700 });

  async function put(key: string, body: Readable, { signal }: PutOptions): Promise<number> {
    const path = join(kept, checkKey(key));
    const partial = join(incoming, randomUUID());
    // It may fail before it is read, and is found to have failed then.
    body.on('error', ignore);
    try {
      const bytes = await write(partial, body, signal);
      await makeFolder(dirname(path));
      await rename(partial, path);
      await sync(dirname(path)).catch(async (error: unknown) => {
        await rm(path, { force: true });
        throw error;
      });
      return bytes;
    } catch (error) {
      body.destroy();
      await rm(partial, { force: true });
      throw translate(error);
    }
  }

  async function makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
    // Those above it that are new as well are on the disk with theirs.
    if (first) for (let made = folder; made.length >= first.length; made = dirname(made)) await sync(dirname(made));
  }

  async function head(key: string): Promise<StoredObject | null> {
    const found = await stat(join(kept, checkKey(key))).catch(unlessMissing);
    return found && { key, bytes: found.size, at: found.mtime };
  }

  async function get(key: string, range?: ByteRange): Promise<Readable | null> {
    const file = await open(join(kept, checkKey(key)), 'r').catch(unlessMissing);
    return file?.createReadStream(range ?? {}) ?? null;
  }

  async function copy(from: string, to: string, options: PutOptions): Promise<StoredObject | null> {
    checkKey(to);
    const body = await get(from);
    if (body === null) return null;
    await put(to, body, options);
    return head(to);
  }

  async function* list(): AsyncIterable<StoredObject> {
    for await (const path of filesIn(kept)) {
      const object = await head(path.slice(kept.length + 1));
      if (object) yield object;
    }
  }

  async function sweep(before: Date): Promise<void> {
    for (const name of await readdir(incoming)) {
      const path = join(incoming, name);
      const found = await stat(path).catch(unlessMissing);
      if (found && found.mtime < before) await rm(path, { force: true });
    }
  }

  return {
    put,
    post: async () => null,
    readUrl: async () => null,
    head,
    get,
    copy,
    async remove(keys) {
      for (const key of keys) await rm(join(kept, checkKey(key)), { force: true });
    },
    list,
    sweep,
    async ready() {
      await stat(kept).catch((error: unknown) => {
        throw translate(error);
      });
    },
    stop: async () => {},
  };
}

/** One after another: there may be very many. */
async function* filesIn(folder: string): AsyncIterable<string> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

async function write(path: string, body: Readable, signal: AbortSignal | undefined): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  try {
    if (signal) addAbortSignal(signal, body);
    await writeFile(file, body);
    // It is to be on the disk before it has its name.
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** A name is on the disk once its folder is. */
async function sync(directory: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(directory, 'r');
    await folder.sync();
  } finally {
    await folder?.close();
  }
}

function unlessMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw translate(error);
}

const unavailable = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EIO', 'EROFS', 'ENOENT', 'EACCES']);

/** What becomes of the disk's own errors. */
function translate(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return unavailable.has(code)
    ? new UnavailableError('Files cannot be stored just now: try again.', { cause: error })
    : error;
}
