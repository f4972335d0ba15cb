import { createHash, randomUUID } from 'node:crypto';
import { realpath, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { DataInUseError } from './database.ts';

/** The longest path that a Unix domain socket may have on every system. */
const maxSocketPath = 103;

/**
 * Takes a directory for this process alone: a Unix domain socket in it that is listened on. The system ends it with the
 * process, however that ends, so a socket that nobody answers on is left over and is taken over.
 * @returns gives the directory back
 * @throws DataInUseError when another process has it
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = socketPath(await realpath(directory));
  const server = (await listen(path)) ?? (await takeOver(path));
  if (server === null) {
    throw new DataInUseError(
      `${resolve(directory)} is in use by another Parley process. Stop that one, or set DATA_DIR to another directory.`,
    );
  }
  server.unref();
  return () => new Promise((done) => server.close(() => done()));
}

/** Where every process that means this directory looks, whatever it calls it and wherever it was started. */
function socketPath(directory: string): string {
  const path = join(directory, 'lock');
  if (Buffer.byteLength(path) <= maxSocketPath) return path;
  return `/tmp/parley-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
}

/** Null when something is there already. */
function listen(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? done(null) : fail(error)));
    server.listen(path, () => done(server));
  });
}

/** Moves a socket that nobody answers on out of the way. What was moved is asked again: it may be another's, and new. */
async function takeOver(path: string): Promise<Server | null> {
  if (await answers(path)) return null;
  const aside = `${path}-${randomUUID().slice(0, 4)}`;
  await rename(path, aside).catch(ignoreMissing);
  if (await answers(aside)) {
    await rename(aside, path);
    return null;
  }
  await rm(aside, { force: true });
  return listen(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
