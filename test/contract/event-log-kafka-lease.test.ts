import { expect, test, vi } from 'vitest';
import { createLease } from '../../api/infra/event-log/kafka-lease.ts';
import { createTestLogger } from '../support/logger.ts';

const bounds = { begin: 0n, end: 2n };
const records = [0n, 1n].map((offset) => ({ key: 'k', value: Buffer.from('x'), headers: {}, offset }));

/** Takes two records on a lease whose log is confirmed as told. */
async function take(confirm: () => Promise<boolean>) {
  const handle = vi.fn(async () => 2n);
  const lease = createLease(0, Promise.resolve(), {
    handler: { assigned: async () => 0n, handle },
    bounds: async () => new Map([[0, bounds]]),
    identity: async () => ({ id: 'a', partitions: 1 }),
    retryMs: 1,
    confirm,
    logger: createTestLogger(),
  });
  await lease.begin();
  return { next: await lease.take(records), handle };
}

test('records are handled once their log is confirmed', async () => {
  const confirm = vi.fn(async () => true).mockRejectedValueOnce(new Error('no broker responds'));
  const { next, handle } = await take(confirm);
  expect(next).toBe(2n);
  expect(confirm).toHaveBeenCalledTimes(2);
  expect(handle).toHaveBeenCalledTimes(1);
});

test('records of a log that was created again are not handled, and the partition is not continued', async () => {
  const { next, handle } = await take(async () => false);
  expect(next).toBe(null);
  expect(handle).not.toHaveBeenCalled();
});
