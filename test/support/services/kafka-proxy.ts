import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tie } from '../network.ts';

/** Proxy between Kafka and its clients that can drop a broker's response. */
export interface KafkaProxy {
  port: number;
  /** Number of requests that appended records so far. */
  produced(): number;
  /** Number of responses that were dropped so far. */
  lost(): number;
  /** Forwards the next request that appends records, drops the response and closes that connection. */
  loseNextResponse(): void;
  stop(): void;
}

/** API key of requests that append records; it follows the four bytes of a request's length. */
const produceKey = 0;

/** Starts a proxy to the broker at a port. The broker must advertise the proxy's port. */
export async function startKafkaProxy(target: number): Promise<KafkaProxy> {
  const sockets = new Set<Socket>();
  let losesNext = false;
  let lost = 0;
  let produced = 0;
  const server = createServer((near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
    near.setNoDelay();
    tie(near, far, sockets);
    let isDoomed = false;
    near.on('data', (request) => {
      const isProduce = request.length > 6 && request.readInt16BE(4) === produceKey;
      if (isProduce) produced++;
      if (isProduce && losesNext) [losesNext, isDoomed] = [false, true];
      far.write(request);
    });
    far.on('data', (response) => {
      if (!isDoomed) return near.write(response);
      lost++;
      return far.destroy();
    });
  });

  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    produced: () => produced,
    lost: () => lost,
    loseNextResponse() {
      losesNext = true;
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
