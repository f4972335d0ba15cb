import { EventEmitter } from 'node:events';
import type { EachBatchPayload } from 'kafkajs';
import { expect, test, vi } from 'vitest';
import { openSession } from '../../api/infra/event-log/kafka-session.ts';
import { createTestLogger } from '../support/logger.ts';

const kafka = vi.hoisted(() => ({ consumer: {} as object }));
vi.mock('../../api/infra/event-log/kafka-client.ts', async (original) => ({
  ...(await original<object>()),
  openKafka: () => ({ kafka: { consumer: () => kafka.consumer }, close: () => {} }),
}));

const topic = 'events';
const events = { FETCH: 'fetch', GROUP_JOIN: 'join', REQUEST: 'request', CRASH: 'crash' };

/** Opens a session that holds two partitions, with a consumer that tests drive. */
async function open() {
  const told = new EventEmitter();
  const resumed: number[] = [];
  let eachBatch: (given: EachBatchPayload) => Promise<void> = async () => {};
  const nothing = async () => {};
  kafka.consumer = {
    events,
    on: told.on.bind(told),
    connect: nothing,
    subscribe: nothing,
    async run(given: { eachBatch: typeof eachBatch }) {
      eachBatch = given.eachBatch;
    },
    pause: () => {},
    seek: () => {},
    resume: ([{ partitions }]: [{ partitions: number[] }]) => void resumed.push(...partitions),
    commitOffsets: nothing,
    disconnect: nothing,
  };
  const identity = vi.fn(async () => ({ id: 'first', partitions: 2 }));
  const handle = vi.fn(
    async ({ records }: { records: readonly { offset: bigint }[] }) => (records.at(-1)?.offset ?? 0n) + 1n,
  );
  const session = openSession(
    {
      ...{ brokers: [], timeoutMs: 1_000, logger: createTestLogger(), topic, group: 'bridge' },
      ...{ sessionTimeoutMs: 60_000, commitMs: 60_000, retryMs: 1 },
      handler: { assigned: async () => 0n, handle },
      bounds: async () => new Map([0, 1].map((partition) => [partition, { begin: 0n, end: 2n }])),
      identity,
    },
    new Map(),
    2,
  );
  await vi.waitFor(() => expect(told.listenerCount(events.CRASH)).toBe(1));
  told.emit(events.GROUP_JOIN, { payload: { memberAssignment: { [topic]: [0, 1] } } });
  await vi.waitFor(() => expect(resumed).toEqual([0, 1]));
  return {
    ...{ session, identity, handle },
    /** Delivers one record of a partition. */
    fetch(partition: number, offset = '0'): Promise<void> {
      const messages = [{ key: Buffer.from('k'), value: Buffer.from('x'), headers: {}, offset }];
      return eachBatch({ batch: { partition, messages }, pause: () => {} } as unknown as EachBatchPayload);
    },
    readMetadata: () => told.emit(events.REQUEST, { payload: { apiName: 'Metadata' } }),
  };
}

test('a topic is confirmed once after new metadata, and not for each batch', async () => {
  const { session, identity, handle, fetch, readMetadata } = await open();
  await fetch(0);
  identity.mockClear();
  await fetch(1);
  expect(identity).not.toHaveBeenCalled();
  readMetadata();
  await fetch(0, '1');
  expect(identity).toHaveBeenCalledTimes(1);
  expect(handle).toHaveBeenCalledTimes(3);
  await session.close();
});

test('no partition handles records before the topic is confirmed after new metadata, and none those of another topic', async () => {
  const { session, identity, handle, fetch, readMetadata } = await open();
  await fetch(0);
  handle.mockClear();
  readMetadata();
  let respond = () => {};
  identity.mockImplementation(async () => {
    await new Promise<void>((resolve) => {
      respond = resolve;
    });
    return { id: 'second', partitions: 2 };
  });
  const fetching = [fetch(0, '1'), fetch(1)];
  await vi.waitFor(() => expect(identity).toHaveBeenCalled());
  await new Promise(setImmediate);
  expect(handle).not.toHaveBeenCalled();
  respond();
  await Promise.all(fetching);
  expect(String(await session.ended)).toContain('was created again');
  expect(handle).not.toHaveBeenCalled();
  await session.close();
});
