import { expect, test } from 'vitest';
import { createMatchFollow } from '../../api/domain/match-follow.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../../api/infra/database/database.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import { createTestLogger } from '../support/logger.ts';

test.each([
  [new DatabaseUnavailableError('away'), []],
  [new StatementRefusedError('no such column'), ['error']],
])('a look that fails is reported as an error only if it will not pass by itself: %s', async (failure, levels) => {
  const logger = createTestLogger();
  let call = () => {};
  let looks = 0;
  const latest = async () => {
    looks++;
    throw failure;
  };
  const add = (listener: () => void) => {
    call = listener;
    return () => {};
  };
  const parts = { claims: { latest }, lifecycle: {}, queue: { current: async () => null }, timer: { add } };
  const options = { ...parts, pubsub: createMemoryPubSub({ logger }), logger };
  const stream = await createMatchFollow(options as never).open('ada');
  expect(await stream.next()).toEqual({ done: false, value: null });
  const next = stream.next();
  call();
  await new Promise(setImmediate);
  expect(looks).toBe(1);
  expect(logger.lines.map(({ level }) => level)).toEqual(levels);
  await stream.return?.();
  expect((await next).done).toBe(true);
});
