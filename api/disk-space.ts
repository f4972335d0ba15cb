import { randomUUID } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NotReadyError } from './errors.ts';
import { reasonOf } from './start-errors.ts';

/** Bytes that must be free: two segments of PostgreSQL's write-ahead log, without which no change can be stored. */
const minFreeBytes = 33_554_432;
/** Bytes of the file that is written to find limits that the free space does not show, such as a quota. */
const probeBytes = 65_536;
/** Setting that the messages name. */
const setting = 'DATA_DIR';
/** Prefix of the names of these files. */
const probePrefix = 'probe-';

/** Checks under way, by path. A disk that does not respond would keep one thread of Node for each of them, and there are four. */
const running = new Map<string, Promise<void>>();

/**
 * Checks that files can be written to a directory: it has free space, and a small file reaches the disk. Calls during a check get
 * its result.
 * @throws NotReadyError with the remedy
 */
export function checkSpace(directory: string): Promise<void> {
  const path = resolve(directory);
  const check = running.get(path) ?? examine(path).finally(() => running.delete(path));
  running.set(path, check);
  return check;
}

async function examine(path: string): Promise<void> {
  const freeBytes = await readFreeBytes(path);
  if (freeBytes < minFreeBytes) {
    const mebibytes = minFreeBytes / 2 ** 20;
    throw new NotReadyError(
      `The disk of ${path} (${setting}) has less than ${mebibytes} MiB free: free some space, or changes cannot be stored.`,
    );
  }
  await writeProbe(path).catch((error: unknown) => {
    throw new NotReadyError(`Nothing can be written to ${path} (${setting}): ${reasonOf(error)}`, { cause: error });
  });
}

/** Returns the bytes that this user may still write to a disk; infinite if the file system does not tell. */
async function readFreeBytes(path: string): Promise<number> {
  const { bavail, bsize, blocks } = await statfs(path).catch(() => ({ bavail: 0, bsize: 0, blocks: 0 }));
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}

async function writeProbe(directory: string): Promise<void> {
  const path = join(directory, `${probePrefix}${randomUUID()}`);
  const file = await open(path, 'wx', 0o600);
  try {
    // Removed at once, so that a killed process leaves nothing.
    await rm(path);
    await file.writeFile(Buffer.alloc(probeBytes));
    await file.datasync();
  } finally {
    await file.close();
  }
}
