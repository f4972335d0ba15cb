import { Duplex } from 'node:stream';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { ignore } from '../../ignore.ts';

/** PostgreSQL in a thread of this process, so that its statements do not block the thread that serves sockets. */
export interface PgliteThread {
  /** Opens a connection, which `pg` uses as a TCP socket. All connections share one session: open one at a time. */
  connect(): Duplex;
  /** Closes the database after the statements that were sent before. */
  stop(): Promise<void>;
}

/** Files of a database. */
export interface DatabaseFiles {
  /** Directory of the files; in memory without it. */
  dataDir?: string;
  /** Files that a database in memory starts with, as a tar archive; without it, they are created. */
  image?: Uint8Array;
}

/**
 * Creates a thread that starts with the first connection. After a crash the next connection starts it again, as a
 * PostgreSQL server restarts its processes.
 */
export function createPgliteThread(files: DatabaseFiles): PgliteThread {
  const connections = new Set<Duplex>();
  let running: Worker | null = null;

  return {
    connect() {
      running ??= start();
      const { port1, port2 } = new MessageChannel();
      running.postMessage(port2, [port2]);
      const connection = streamOver(port1);
      connections.add(connection);
      return connection.once('close', () => connections.delete(connection));
    },
    async stop() {
      const worker = running;
      if (worker === null) return;
      const ended = new Promise((done) => worker.once('exit', done));
      worker.postMessage(null);
      await ended;
    },
  };

  function start(): Worker {
    const worker = new Worker(new URL('./pglite-worker.js', import.meta.url), {
      workerData: files,
    });
    let reason = new Error('The database thread ended.');
    worker.on('error', (cause) => {
      reason = new Error('The database thread failed.', { cause });
    });
    worker.once('exit', () => {
      if (running === worker) running = null;
      for (const connection of connections) connection.destroy(reason);
    });
    return worker;
  }
}

/** Wraps a port in the part of a socket that `pg` uses. Writes while it is corked become one message, with one response. */
function streamOver(port: MessagePort): Duplex {
  const stream = new Duplex({
    read() {},
    write: (chunk: Buffer, _encoding, done) => post(port, [chunk], done),
    writev: (chunks, done) =>
      post(
        port,
        chunks.map(({ chunk }) => chunk),
        done,
      ),
    final(done) {
      stream.push(null);
      done();
    },
    destroy(error, done) {
      port.close();
      done(error);
    },
  });
  port.on('message', (bytes: Uint8Array) => {
    if (bytes.length > 0) stream.push(bytes);
  });
  const connect = () => process.nextTick(() => stream.emit('connect'));
  return Object.assign(stream, { connect, setNoDelay: ignore, ref: ignore, unref: ignore });
}

/** Copies the chunks into one buffer and transfers it. */
function post(port: MessagePort, chunks: Buffer[], done: () => void): void {
  const bytes = new Uint8Array(chunks.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  port.postMessage(bytes, [bytes.buffer]);
  done();
}
