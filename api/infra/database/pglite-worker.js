import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';

/*
 * A thread that is PostgreSQL: each port that it is given is a connection to its one session, and carries messages of
 * PostgreSQL's protocol; null ends it. In JavaScript, since Node loads it by itself, in tests too.
 */

/** @type {{ dataDir?: string }} */
const { dataDir } = workerData;

// PGlite leaves `fsync` off, and its file system knows none: a message that was acknowledged would not survive the power.
const startParams = [...PGlite.defaultStartParams.filter((param) => param !== '-F'), '-c', 'wal_sync_method=fsync'];
const database = await PGlite.create(dataDir === undefined ? {} : { dataDir, startParams });
if (dataDir !== undefined) {
  /** @type {any} */ (database.Module).NODEFS.stream_ops.fsync = sync;
  syncAll(dataDir);
}

parentPort?.on('message', async (port) => {
  if (port !== null) return port.on('message', (request) => answer(port, request));
  await database.close();
  parentPort?.close();
});

/**
 * @param {import('node:worker_threads').MessagePort} port
 * @param {Uint8Array} request
 */
function answer(port, request) {
  const response = database.execProtocolRawSync(request);
  // Its own process would end, and be started anew; PGlite would hang.
  if (isDown(Buffer.from(response.buffer, response.byteOffset, response.length))) process.exit(1);
  port.postMessage(response);
}

/**
 * Whether PostgreSQL gave up: its messages are a letter, their length in four bytes, and what they say; an error (E) begins
 * with its severity (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 * @param {Buffer} messages
 */
function isDown(messages) {
  for (let at = 0; at < messages.length; at += 1 + messages.readInt32BE(at + 1)) {
    if (messages[at] === 0x45 && /^S(PANIC|FATAL)/.test(messages.toString('latin1', at + 5, at + 11))) return true;
  }
  return false;
}

/** What Emscripten's `fsync` answers where the disk does not take it: the number of `EIO`, by WASI. */
const ioError = 29;

/**
 * The operation on streams that Emscripten calls for `fsync`. A directory has no descriptor of its own. It must not throw: PGlite
 * would never answer again, where PostgreSQL gives up and begins anew from what the disk has.
 * @param {{ nfd?: number, node: object }} stream
 */
function sync({ nfd, node }) {
  try {
    if (nfd === undefined) syncPath(/** @type {any} */ (database.Module).NODEFS.realPath(node));
    else fsyncSync(nfd);
    return 0;
  } catch {
    return ioError;
  }
}

/**
 * What was written before that could be called: a new database, or what its log had more than its tables.
 * @param {string} directory
 */
function syncAll(directory) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) syncPath(join(entry.parentPath, entry.name));
  }
  syncPath(directory);
}

/** @param {string} path */
function syncPath(path) {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
