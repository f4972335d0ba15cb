import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { ignore } from '../ignore.ts';
import { codeOf, reasonOf, StartError } from '../start-errors.ts';
import { createLatency } from './latency.ts';
import { createTrafficMeter, type TrafficKind, trafficKinds } from './traffic.ts';

const host = '127.0.0.1';

/** Milliseconds by which each kind of traffic is delayed. */
type Delays = Record<TrafficKind, number>;

/**
 * Opens the network between clients and a server on this machine: a port that stays the same while servers behind it come and go,
 * and whose connections can be slow, cut or refused.
 * @param options.port port to listen on; 0 picks a free one
 * @param options.target returns the port of the present server
 * @throws StartError if the port is taken
 */
export async function openNetwork(options: { port: number; target(): number }) {
  const connections = new Set<Socket>();
  const hurries = new Set<() => void>();
  const delays: Delays = { streams: 0, responses: 0 };
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
    /** Delays everything that the server sends from now on, or only one kind of it. The end of all delays lets waiting data go. */
    delay(ms: number, only?: TrafficKind): void {
      for (const kind of only ? [only] : trafficKinds) delays[kind] = ms;
      if (trafficKinds.every((kind) => delays[kind] === 0)) for (const hurry of hurries) hurry();
    },
    delays: (): Delays => ({ ...delays }),
    async stop(): Promise<void> {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };

  function receive(near: Socket): void {
    const far = connect({ port: options.target(), host, allowHalfOpen: true });
    const kindOf = createTrafficMeter();
    const { stream: latency, hurry } = createLatency((chunk) => delays[kindOf(chunk)]);
    hurries.add(hurry);
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
      hurries.delete(hurry);
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
