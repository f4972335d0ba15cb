import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tie } from '../network.ts';

/** A network between Kafka and its clients that can lose what a broker answers. */
export interface KafkaProxy {
  port: number;
  /** How many requests that append records went through so far. */
  produced(): number;
  /** How many answers were lost so far. */
  lost(): number;
  /** Takes the next records to the broker, loses what it answers and cuts that connection. */
  loseNextAnswer(): void;
  stop(): void;
}

/** The key of the request that appends records; it follows the four bytes of a request's length. */
const produceKey = 0;

/** A network to the broker at a port, which has to advertise the port of the network. */
export async function startKafkaProxy(target: number): Promise<KafkaProxy> {
  const sockets = new Set<Socket>();
  let isArmed = false;
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
      if (isProduce && isArmed) [isArmed, isDoomed] = [false, true];
      far.write(request);
    });
    far.on('data', (answer) => {
      if (!isDoomed) return near.write(answer);
      lost++;
      return far.destroy();
    });
  });

  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    produced: () => produced,
    lost: () => lost,
    loseNextAnswer() {
      isArmed = true;
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
