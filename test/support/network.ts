import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A network between a client and a server, which can go away. */
export interface Network {
  url: string;
  /** Destroys every connection, and every new one until `restore`. */
  cut(): void;
  restore(): void;
  stop(): Promise<void>;
}

/** A network to a server at `target`. */
export async function startNetwork(target: string): Promise<Network> {
  const { port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1');
    tie(near, far, sockets);
    if (isCut) near.destroy();
    else near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroy = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      destroy();
    },
    restore() {
      isCut = false;
    },
    async stop() {
      server.close();
      destroy();
    },
  };
}

/** Has what ends one end of a connection end the other; both are among the sockets while they are open. */
export function tie(near: Socket, far: Socket, sockets: Set<Socket>): void {
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(one);
    one.on('error', () => {});
    one.once('close', () => {
      sockets.delete(one);
      other.destroy();
    });
  }
}
