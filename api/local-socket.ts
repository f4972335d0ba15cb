import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chmod, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ignore } from './ignore.ts';
import { codeOf } from './start-errors.ts';

/** Longest path of a Unix domain socket that every system accepts, in bytes. */
const maxSocketPath = 103;
/** Maximum bytes of a request. */
const maxRequestBytes = 10_000;

/** Returns the path of a Unix domain socket of a directory, the same in every process. The directory exists. */
export async function socketPath(directory: string, name: string): Promise<string> {
  const path = join(await realpath(directory), name);
  if (Buffer.byteLength(path) <= maxSocketPath) return path;
  return `/tmp/parley-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
}

/**
 * Responds to other processes of this system user over a Unix domain socket, each of which sends one request and ends its side.
 * @param path path of the socket; a file that a killed process left there is replaced
 * @param respond returns the response to a request
 */
export function createLocalResponder(path: string, respond: (request: string) => Promise<string>) {
  /** Connections whose request is not complete. */
  const reading = new Set<Socket>();
  // A process that ends at once does not call `stop`.
  const removeFile = () => rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', ignore);
    serve(socket).catch(() => socket.destroy());
  });

  return {
    async start(): Promise<void> {
      await rm(path, { force: true });
      server.listen(path);
      await once(server, 'listening');
      process.once('exit', removeFile);
      await chmod(path, 0o600);
    },
    /** Resolves once the requests that are complete have their responses. Connections that have sent no whole request are closed. */
    async stop(): Promise<void> {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of reading) socket.destroy();
      await closed;
      process.off('exit', removeFile);
    },
  };

  async function serve(socket: Socket): Promise<void> {
    reading.add(socket);
    const request = await readRequest(socket).finally(() => reading.delete(socket));
    socket.end(await respond(request));
  }
}

async function readRequest(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxRequestBytes) throw new Error('the request is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Sends a request to the process that responds on a socket, and returns the response; null if there is no such process. */
export async function askLocally(path: string, request: string): Promise<string | null> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
  socket.end(request);
  return text(socket);
}
