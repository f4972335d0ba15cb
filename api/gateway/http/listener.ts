import type { Server } from 'node:http';
import { type AddressInfo, isIPv6, type Socket } from 'node:net';
import { ignore } from '../../ignore.ts';
import { codeOf, reasonOf, StartError } from '../../start-errors.ts';

/** Address to listen on. */
export interface ListenAddress {
  /** Address or name of a network interface; an IPv6 address may have brackets. */
  host: string;
  /** Port; 0 picks a free one. */
  port: number;
  /** Length of the accept queue; by default that of Node. */
  backlog?: number;
}

/** Creates the port of a server: it opens and closes, and knows every connection, also those that Node does not count as HTTP. */
export function createListener(server: Server, { host: given, port, backlog }: ListenAddress) {
  const host = given.replace(/^\[(.*)\]$/, '$1');
  const connections = new Set<Socket>();
  let isClosed = false;
  let noteClosed = ignore;
  const closed = new Promise<void>((resolve) => {
    noteClosed = resolve;
  });

  // Accepting may fail for lack of file descriptors, which passes.
  server.on('error', ignore);
  server.on('connection', (socket: Socket) => {
    // A connection whose upgrade was ignored comes a second time.
    if (connections.has(socket)) return;
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });

  return {
    /** The port that it listens on, once started. */
    port: () => (server.address() as AddressInfo).port,
    /** Resolves once it listens, or is closed. @throws StartError when it cannot listen at this address */
    async start(): Promise<void> {
      if (isClosed) return;
      // A `close` while Node looks up the name of the host is lost: some versions listen nevertheless, others never call back.
      await Promise.race([listen(), closed]);
      if (isClosed) await end();
    },
    /** Accepts no further connection. Resolves when all have ended. */
    async close(): Promise<void> {
      isClosed = true;
      noteClosed();
      await end();
    },
    /** Number of connections, of any protocol. */
    connections: () => connections.size,
    /** Ends every connection at once. */
    disconnectAll(): void {
      for (const socket of connections) socket.destroy();
    },
  };

  async function listen(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host, ...(backlog === undefined ? {} : { backlog }) }, () => {
          server.off('error', reject);
          resolve();
          if (isClosed) server.close();
        });
      });
    } catch (error) {
      throw explain(error);
    }
  }

  function end(): Promise<void> {
    return new Promise((resolve) => server.close(() => resolve()));
  }

  function explain(error: unknown): unknown {
    const remedy = remedies[codeOf(error) ?? ''];
    if (remedy === undefined) return error;
    const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    return new StartError(`The server cannot listen at ${address}: ${remedy} (${reasonOf(error)})`, { cause: error });
  }
}

const noSuchHost =
  'this machine has no such address. Set HOST to an address of this machine; 0.0.0.0 stands for all of them, and :: also for those of IPv6.';

/** Remedies for the codes with which an address is refused. */
const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another process listens there. Stop that process, or set PORT to another port (0 picks a free one) or HOST to another address.',
  EACCES: 'this user may not use that port. Set PORT to 1024 or above, or allow the lower ports to the process.',
  EPERM: 'this user may not use that port. Set PORT to 1024 or above, or allow the lower ports to the process.',
  EADDRNOTAVAIL: noSuchHost,
  EAFNOSUPPORT: noSuchHost,
  EINVAL: noSuchHost,
  ENOTFOUND: noSuchHost,
  EAI_AGAIN: noSuchHost,
  EAI_FAIL: noSuchHost,
};
