import { Duplex } from 'node:stream';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { ignore } from '../../ignore.ts';

/** PostgreSQL in a thread of this process: what it computes keeps no socket waiting. */
export interface PgliteThread {
  /** A connection, which `pg` takes for one by TCP. All share one session: there is to be one at a time. */
  connect(): Duplex;
  /** Closes the database, after what was asked before. */
  stop(): Promise<void>;
}

/**
 * Starts when the first connection is made; and again, should it have ended by itself, as PostgreSQL's own processes do.
 * @param directory where the files are; in memory without one
 */
export function createPgliteThread(directory: string | undefined): PgliteThread {
  const connections = new Set<Duplex>();
  let running: Worker | null = null;

  function start(): Worker {
    const worker = new Worker(new URL('./pglite-worker.js', import.meta.url), {
      workerData: directory === undefined ? {} : { dataDir: directory },
    });
    let reason = new Error('The thread of the database has ended.');
    worker.on('error', (cause) => {
      reason = new Error('The thread of the database has failed.', { cause });
    });
    worker.once('exit', () => {
      if (running === worker) running = null;
      for (const connection of connections) connection.destroy(reason);
    });
    return worker;
  }

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
}

/** A socket as far as `pg` knows one. What is written while it is corked is one message, and comes to one answer. */
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

/** The bytes are copied once, into what is handed over. */
function post(port: MessagePort, chunks: Buffer[], done: () => void): void {
  const bytes = new Uint8Array(chunks.reduce((total, { length }) => total + length, 0));
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  port.postMessage(bytes, [bytes.buffer]);
  done();
}
