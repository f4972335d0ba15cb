import { createHash, randomUUID } from 'node:crypto';
import { realpath, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { DataInUseError } from './database.ts';

/** Longest path of a Unix domain socket that every system accepts, in bytes. */
const maxSocketPath = 103;

/**
 * Locks a directory for this process by listening on a Unix domain socket in it. The system closes the socket when the
 * process ends, even after a crash, so a socket that refuses connections is stale and is replaced.
 * @returns a function that releases the lock
 * @throws DataInUseError when another process holds the lock
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = socketPath(await realpath(directory));
  const server = (await listen(path)) ?? (await replaceStale(path));
  if (server === null) {
    throw new DataInUseError(
      `${resolve(directory)} is in use by another Parley process. Stop that one, or set DATA_DIR to another directory.`,
    );
  }
  server.unref();
  return () => new Promise((done) => server.close(() => done()));
}

/** Returns the path of the socket, the same in every process. `directory` is a real path, without symbolic links. */
function socketPath(directory: string): string {
  const path = join(directory, 'lock');
  if (Buffer.byteLength(path) <= maxSocketPath) return path;
  return `/tmp/parley-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
}

/** Listens on a socket; null if a file of that name exists. */
function listen(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? done(null) : fail(error)));
    server.listen(path, () => done(server));
  });
}

/**
 * Moves a stale socket away and listens in its place; null if a process listens on it. The moved socket is checked
 * again: another process may have replaced the stale one between the check and the move.
 */
async function replaceStale(path: string): Promise<Server | null> {
  if (await isListening(path)) return null;
  const aside = `${path}-${randomUUID().slice(0, 4)}`;
  await rename(path, aside).catch(ignoreMissing);
  if (await isListening(aside)) {
    await rename(aside, path);
    return null;
  }
  await rm(aside, { force: true });
  return listen(path);
}

function isListening(path: string): Promise<boolean> {
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
