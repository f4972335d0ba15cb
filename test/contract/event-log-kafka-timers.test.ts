import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test, vi } from 'vitest';
import { openKafka } from '../../api/infra/event-log/kafka-client.ts';
import { createTestLogger } from '../support/logger.ts';

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js');
const logger = { debug() {}, warn() {} };

function createQueue() {
  return new RequestQueue({
    maxInFlightRequests: null,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'test',
    logger,
  });
}

/** A request that notes when it is sent. */
function createRequest(correlationId: number) {
  const sendRequest = vi.fn();
  return { entry: { correlationId, apiKey: 0, apiVersion: 0, resolve() {} }, expectResponse: true, sendRequest };
}

test('a connection on which nothing waits sets no timer', () => {
  const queue = createQueue();
  queue.push(createRequest(1));
  queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
  expect(queue.throttleCheckTimeoutId).toBeNull();
});

test('a request that must wait is sent when the throttling ends', async () => {
  const queue = createQueue();
  queue.maybeThrottle(20);
  const request = createRequest(2);
  queue.push(request);
  expect(request.sendRequest).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(request.sendRequest).toHaveBeenCalledOnce());
  expect(queue.throttleCheckTimeoutId).toBeNull();
});

test('a broker may be an IPv6 address', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '::1');
  await once(server, 'listening');
  const brokers = [`[::1]:${(server.address() as AddressInfo).port}`];
  const { kafka, close } = openKafka({ brokers, timeoutMs: 1_000, logger: createTestLogger() }, 0);
  const reached = once(server, 'connection');
  const failed = expect(kafka.admin().connect()).rejects.toThrow();
  await reached;
  close();
  await failed;
  server.close();
});
