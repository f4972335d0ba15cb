import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

/** Proxy in front of a server whose WebSockets can be closed and frozen. */
export interface SocketProxy {
  url: string;
  /** Closes every WebSocket with a code, as a server does. */
  closeAll(code: number): void;
  /** Drops everything that the present WebSockets send or receive from now on; new ones work. */
  freeze(): void;
  /** Number of WebSockets that were opened so far. */
  opened(): number;
  /** Number of pongs of the server so far. */
  pongs(): number;
  stop(): Promise<void>;
}

/** Starts a proxy to the server at `target`. */
export async function startSocketProxy(target: string): Promise<SocketProxy> {
  const pairs = new Set<{ near: WebSocket; isFrozen: boolean }>();
  let count = 0;
  let pongs = 0;
  const server = createServer(({ url = '/', method = 'GET', headers }, response) => {
    const forwarded = request(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.req.pipe(forwarded);
  });
  const sockets = new WebSocketServer({ server, handleProtocols: ([first = '']) => first });
  sockets.on('connection', (near, { url = '/' }) => {
    count += 1;
    tie(near, new WebSocket(new URL(url, target.replace('http', 'ws')), near.protocol));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    closeAll(code) {
      for (const { near } of pairs) near.close(code);
    },
    freeze() {
      for (const pair of pairs) pair.isFrozen = true;
    },
    opened: () => count,
    pongs: () => pongs,
    async stop() {
      for (const { near } of pairs) near.terminate();
      server.closeAllConnections();
      server.close();
    },
  };

  function tie(near: WebSocket, far: WebSocket): void {
    const pair = { near, isFrozen: false };
    const waiting: string[] = [];
    pairs.add(pair);
    near.on('message', (data) => {
      if (pair.isFrozen) return;
      if (far.readyState === far.OPEN) far.send(String(data));
      else waiting.push(String(data));
    });
    far.on('open', () => {
      for (const text of waiting) far.send(text);
    });
    far.on('message', (data) => {
      if (pair.isFrozen) return;
      if (String(data).includes('"pong"')) pongs += 1;
      near.send(String(data));
    });
    far.on('close', (code, reason) => near.close(code === 1005 || code === 1006 ? 1001 : code, reason));
    far.on('error', () => near.terminate());
    near.on('close', () => {
      pairs.delete(pair);
      far.close();
    });
  }
}
