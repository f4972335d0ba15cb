import { fsyncSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { syncPath, syncTree } from './pglite-files.js';
import { open } from './pglite-open.js';

/*
 * A thread that runs PostgreSQL. Each port posted to it is a connection to the one session, and carries messages of
 * PostgreSQL's protocol; null ends the thread. In JavaScript, because Node starts it without a loader for TypeScript.
 */

// The optimizing compiler needs much memory, and the allocator keeps it for each thread that compiles: one function at a
// time, and only functions that run often. The budget is the default of newer versions of V8 (1,800,000 in Node 20).
setFlagsFromString('--wasm-num-compilation-tasks=1');
setFlagsFromString('--wasm-tiering-budget=13000000');

/** @type {import('./pglite-thread.ts').DatabaseFiles} */
const { dataDir, image } = workerData;

const database = await open(dataDir === undefined ? inMemory(image) : { dataDir });
if (dataDir !== undefined) {
  /** @type {any} */ (database.Module).NODEFS.stream_ops.fsync = sync;
  // PostgreSQL may have replayed its log during the start, before it could flush anything.
  syncTree(dataDir);
}

parentPort?.on('message', async (port) => {
  if (port !== null) return port.on('message', (request) => respond(port, request));
  await database.close();
  parentPort?.close();
});

/** @param {Uint8Array | undefined} image */
function inMemory(image) {
  return image === undefined ? {} : { loadDataDir: new Blob([new Uint8Array(image)], { type: 'application/x-tar' }) };
}

/**
 * @param {import('node:worker_threads').MessagePort} port
 * @param {Uint8Array} request
 */
function respond(port, request) {
  const response = run(request);
  // A PostgreSQL process would exit and be restarted; PGlite would hang.
  if (hasCrashed(Buffer.from(response.buffer, response.byteOffset, response.length))) process.exit(1);
  port.postMessage(response);
}

/**
 * Runs a request, and returns the response. PGlite's method without a callback parses each response and keeps the results for
 * ever (seen in 0.5.16); only the first request of a connection, which has no type, needs it.
 * @param {Uint8Array} request
 */
function run(request) {
  if (request[0] === 0) return database.execProtocolRawSync(request);
  /** @type {Uint8Array[]} */
  const parts = [];
  const onRawData = (/** @type {Uint8Array} */ part) => void parts.push(part.slice());
  // It calls back before it returns, as long as it has no files to copy.
  database.execProtocolRawStream(request, { syncToFs: false, onRawData });
  return join(parts);
}

/** @param {readonly Uint8Array[]} parts */
function join(parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Returns whether PostgreSQL reported an error that ends its process. A message is a letter, its length in four bytes and
 * a body; the body of an error (E) begins with the severity
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 * @param {Buffer} messages
 */
function hasCrashed(messages) {
  for (let at = 0; at < messages.length; at += 1 + messages.readInt32BE(at + 1)) {
    if (messages[at] === 0x45 && /^S(PANIC|FATAL)/.test(messages.toString('latin1', at + 5, at + 11))) return true;
  }
  return false;
}

/** The number of `EIO` in WASI, which Emscripten returns from `fsync` when the disk fails. */
const ioError = 29;

/**
 * The operation on streams that Emscripten calls for `fsync`. A directory has no descriptor of its own. It must not throw:
 * PGlite would never respond again, whereas PostgreSQL exits on an error and recovers from the disk.
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
