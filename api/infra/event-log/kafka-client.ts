import { connect, type Socket } from 'node:net';
import kafkajs, { type Kafka } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import { tolerateMissingLeaders } from './kafka-metadata.ts';
import { scheduleOnlyPendingRequests } from './kafka-timers.ts';

/** Options of a connection to a Kafka cluster. */
export interface ClusterOptions {
  /** Some of the cluster's brokers, as `host:port`, an IPv6 address in brackets. */
  brokers: readonly string[];
  /** Milliseconds after which a request without a response fails. */
  timeoutMs: number;
  logger: Logger;
}

/** A Kafka client with connections of its own. */
export interface KafkaClient {
  kafka: Kafka;
  /** Closes the connections at once and opens no further ones: requests that were not sent yet never are. */
  close(): void;
}

const connectTimeoutMs = 3_000;
const retry = { initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 };

tolerateMissingLeaders();
scheduleOnlyPendingRequests();

/**
 * Opens a client that can be closed at once. kafkajs would go on to retry requests that their callers gave up.
 * @param retries number of retries of a failed request; producers retry without limit
 */
export function openKafka({ brokers, timeoutMs, logger }: ClusterOptions, retries: number): KafkaClient {
  const sockets = new Set<Socket>();
  let closed = false;
  const kafka = new kafkajs.Kafka({
    // Only an empty list ends the retries of kafkajs.
    brokers: () => (closed ? [] : brokers.map(withoutColons)),
    clientId: 'parley',
    connectionTimeout: Math.min(connectTimeoutMs, timeoutMs),
    requestTimeout: timeoutMs,
    retry: { ...retry, retries, restartOnFailure: async () => false },
    logLevel: kafkajs.logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log: { message } }) =>
        logger.debug({ namespace }, message),
    socketFactory({ host, port, onConnect }) {
      if (closed) throw new Error('the client is closed');
      const socket = connect({ host: decodeURIComponent(host), port, noDelay: true, keepAlive: true }, onConnect);
      sockets.add(socket);
      return socket.once('close', () => sockets.delete(socket));
    },
  });
  return {
    kafka,
    close() {
      closed = true;
      // kafkajs notices a destroyed socket only by an error.
      for (const socket of sockets) socket.destroy(new Error('the client was closed'));
    },
  };
}

/** kafkajs takes everything up to the first colon of a broker as its host: those of an IPv6 address are percent-encoded. */
function withoutColons(broker: string): string {
  return broker.replace(/^\[(.*)\]/, (_, address: string) => encodeURIComponent(address));
}

/**
 * Resolves with the promise's result if it comes within `ms` milliseconds.
 * @throws Error when the time is over; the work itself continues
 */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Kafka did not respond within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
