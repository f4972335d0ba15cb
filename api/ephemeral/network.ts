import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { ignore } from '../ignore.ts';
import { codeOf, reasonOf, StartError } from '../start-errors.ts';
import { createLatency } from './latency.ts';

const host = '127.0.0.1';

/**
 * Opens the network between clients and a server on this machine: a port that stays the same while servers behind it come and go,
 * and whose connections can be slow, cut or refused.
 * @param options.port port to listen on; 0 picks a free one
 * @param options.target returns the port of the present server
 * @throws StartError if the port is taken
 */
export async function openNetwork(options: { port: number; target(): number }) {
  const connections = new Set<Socket>();
  let delayMs = 0;
  let server = await listen(options.port, receive);
  const { port } = server.address() as AddressInfo;

  return {
    port,
    /** Refuses new connections; those that are open go on. */
    refuse: () => void server.close(),
    /** Accepts connections again. */
    async accept(): Promise<void> {
      if (!server.listening) server = await listen(port, receive);
    },
    /** Resets every connection, as a network that goes away. */
    cut(): void {
      for (const connection of connections) connection.resetAndDestroy();
    },
    /** Delays everything that the server sends from now on. */
    delay(ms: number): void {
      delayMs = ms;
    },
    delayMs: () => delayMs,
    async stop(): Promise<void> {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };

  function receive(near: Socket): void {
    const far = connect({ port: options.target(), host, allowHalfOpen: true });
    const latency = createLatency(() => delayMs);
    connections.add(near);
    near.setNoDelay();
    far.setNoDelay();
    near.on('error', ignore);
    far.on('error', ignore);
    latency.on('error', ignore);
    near.pipe(far);
    far.pipe(latency).pipe(near);
    let hasEnded = false;
    let isClosed = false;
    latency.once('end', () => {
      hasEnded = true;
      if (isClosed) near.destroySoon();
    });
    far.once('close', () => {
      isClosed = true;
      if (hasEnded) near.destroySoon();
      // A connection that was cut has no end.
      else if (!far.readableEnded) near.destroy();
    });
    near.once('close', () => {
      connections.delete(near);
      far.destroy();
      latency.destroy();
    });
  }
}

async function listen(port: number, receive: (near: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, receive).listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE' && codeOf(error) !== 'EACCES') throw error;
    throw new StartError(`Port ${port} cannot be used: choose another one. (${reasonOf(error)})`, { cause: error });
  }
}
