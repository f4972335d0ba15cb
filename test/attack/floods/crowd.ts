import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { guestFrom, type Visitor } from '../visitors.ts';
import { openFrom, portOf, toPost } from '../wire.ts';

/** Connections of an attacker during one flood. All come from one address, unless an address is given. */
export interface Crowd {
  /** Whether the flood goes on. */
  isOn(): boolean;
  /** Resolves at the end of the flood. */
  over: Promise<void>;
  /** Creates a guest. */
  guest(): Promise<Visitor>;
  /** Opens a TCP connection; null if it is refused. */
  connect(): Promise<Socket | null>;
  /** Opens a WebSocket and completes the handshake; null if it is refused. Further frames go to the socket itself. */
  socket(token: string | null): Promise<WebSocket | null>;
  /** Posts a body to `/graphql` and waits for the end of the response. */
  post(body: string | Buffer, headers?: Record<string, string>): Promise<void>;
  /** Counts a request or message. */
  count(): void;
  /** Does some work in several loops at once until the flood is over. */
  loops(count: number, work: (n: number) => Promise<unknown>): Promise<void>;
  /** Closes all connections and returns the effort so far. */
  leave(): { attempts: number; sentBytes: number; receivedBytes: number };
}

/** Creates an attacker without connections, at a local address. */
export function createCrowd(url: string, address: string, forMs: number): Crowd {
  const until = performance.now() + forMs;
  const isOn = () => performance.now() < until;
  const over = setTimeout(forMs);
  const sockets = new Set<Socket>();
  const sum = { attempts: 0, sentBytes: 0, receivedBytes: 0 };
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => forget(socket));
  };
  const forget = (socket: Socket) => {
    if (!sockets.delete(socket)) return;
    sum.sentBytes += socket.bytesWritten;
    sum.receivedBytes += socket.bytesRead;
  };
  const crowd: Crowd = {
    isOn,
    over,
    guest: () => guestFrom(url, address),
    async connect() {
      const socket = connect({ host: '127.0.0.1', port: portOf(url), localAddress: address });
      track(socket);
      socket.resume();
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
      return socket.destroyed ? null : socket;
    },
    async socket(token) {
      const socket = openFrom(url, address);
      socket.on('error', () => {});
      await Promise.race([new Promise((resolve) => socket.once('open', resolve).once('close', resolve)), over]);
      if (socket.readyState !== WebSocket.OPEN) return null;
      track(Reflect.get(socket, '_socket'));
      socket.send(JSON.stringify({ type: 'connection_init', payload: token === null ? {} : { token } }));
      await Promise.race([new Promise((resolve) => socket.once('message', resolve).once('close', resolve)), over]);
      return socket.readyState === WebSocket.OPEN ? socket : null;
    },
    async post(body, headers) {
      const socket = await crowd.connect();
      socket?.write(toPost(body, headers));
      crowd.count();
      if (socket && !socket.destroyed)
        await Promise.race([new Promise((resolve) => socket.once('close', resolve)), over]);
    },
    count: () => void sum.attempts++,
    async loops(count, work) {
      const loop = async (n: number) => {
        while (isOn()) {
          await work(n);
          await new Promise(setImmediate);
        }
      };
      await Promise.all(Array.from({ length: count }, (_, n) => loop(n)));
    },
    leave() {
      for (const socket of sockets) {
        forget(socket);
        socket.destroy();
      }
      return sum;
    },
  };
  return crowd;
}
