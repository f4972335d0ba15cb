import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Proxy between a client and a server whose connections can be cut. */
export interface Network {
  url: string;
  /** Destroys every connection, and every new one until `restore` is called. */
  cut(): void;
  restore(): void;
  stop(): Promise<void>;
}

/** Starts a proxy to the server at `target`. */
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

/** Closes each of two sockets when the other closes. Both are in the set while they are open. */
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
