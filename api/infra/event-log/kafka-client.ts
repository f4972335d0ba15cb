import { connect, type Socket } from 'node:net';
import kafkajs, { type Kafka } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import { tolerateHeadless } from './kafka-metadata.ts';

/** How a Kafka cluster is reached. */
export interface ClusterOptions {
  /** `host:port` of some of its brokers. */
  brokers: readonly string[];
  /** After which a request without an answer has failed, in milliseconds. */
  timeoutMs: number;
  logger: Logger;
}

/** A client of Kafka with connections of its own. */
export interface KafkaClient {
  kafka: Kafka;
  /** Cuts its connections and opens no more: whatever it was about to send never leaves. */
  close(): void;
}

const connectTimeoutMs = 3_000;
const retry = { initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 };

tolerateHeadless();

/**
 * A client that can be ended at once. kafkajs goes on to retry what its callers gave up; closed, it cannot.
 * @param retries how often a failed request is made again; a producer takes no bound
 */
export function openKafka({ brokers, timeoutMs, logger }: ClusterOptions, retries: number): KafkaClient {
  const sockets = new Set<Socket>();
  let closed = false;
  const kafka = new kafkajs.Kafka({
    // The empty list is what ends kafkajs's retries for good.
    brokers: () => (closed ? [] : [...brokers]),
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
      const socket = connect({ host, port, noDelay: true, keepAlive: true }, onConnect);
      sockets.add(socket);
      return socket.once('close', () => sockets.delete(socket));
    },
  });
  return {
    kafka,
    close() {
      closed = true;
      // Without an error kafkajs would not notice.
      for (const socket of sockets) socket.destroy(new Error('the client was closed'));
    },
  };
}

/**
 * What the promise gives, unless it takes longer.
 * @param ms in milliseconds
 * @throws when the time is over; the work itself goes on
 */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Kafka did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
