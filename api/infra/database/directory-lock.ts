import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { socketPath } from '../../local-socket.ts';
import { DataInUseError } from './database.ts';

/** Milliseconds to wait for a process that replaces a stale socket, and between attempts. It takes a few. */
const maxTurnMs = 10_000;
const retryMs = 10;

/**
 * Locks a directory for this process by listening on a Unix domain socket in it. The system closes the socket when the
 * process ends, even after a crash, so a socket that refuses connections is stale and is replaced.
 * @returns a function that releases the lock
 * @throws DataInUseError when another process holds the lock
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = await socketPath(directory, 'lock');
  const server = (await listen(path)) ?? (await replaceStale(path));
  if (server === null) {
    throw new DataInUseError(
      `${resolve(directory)} is in use by another Parley process. Stop that one, or set DATA_DIR to another directory.`,
    );
  }
  server.unref();
  // A process that ends at once leaves no stale file behind, which would only delay the next start.
  const removeFile = () => rmSync(path, { force: true });
  process.once('exit', removeFile);
  return async () => {
    process.off('exit', removeFile);
    await new Promise<void>((done) => server.close(() => done()));
  };
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
 * Removes a stale socket and listens in its place; null if a process listens on it. One process at a time does this, so that
 * none removes the socket of another that was faster.
 */
async function replaceStale(path: string): Promise<Server | null> {
  const release = await takeTurn(path);
  if (release === null) return null;
  try {
    if (await isListening(path)) return null;
    await rm(path, { force: true });
    return await listen(path);
  } finally {
    await release();
  }
}

/**
 * Waits until no other process replaces the socket, and returns a function that lets the next one. The name is in Linux's
 * abstract namespace, which has no files that a killed process could leave (unix(7)); other systems do not have it, and take
 * no turns. Null when another process does not finish.
 */
async function takeTurn(path: string): Promise<(() => Promise<void>) | null> {
  if (process.platform !== 'linux') return async () => {};
  const name = `\0parley-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  for (const deadline = performance.now() + maxTurnMs; performance.now() < deadline; await setTimeout(retryMs)) {
    const turn = await listen(name);
    if (turn) return () => new Promise((done) => turn.close(() => done()));
  }
  return null;
}

/** Only a refused connection, or a missing file, shows that no process listens: other errors may be those of a busy one. */
function isListening(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}
