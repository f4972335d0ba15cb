import { expect, test } from 'vitest';
import { createMatchFollow } from '../../api/domain/match-follow.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../../api/infra/database/database.ts';
import { createTestLogger } from '../support/logger.ts';

const place = { id: 'place', status: 'WAITING' };

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
  const userSignals = { follow: async () => {}, unfollow: () => {} };
  const followers = { add() {}, remove() {}, ring() {} };
  const parts = { followers, claims: { latest }, lifecycle: {}, queue: { current: async () => place }, timer: { add } };
  const options = { ...parts, userSignals, logger };
  const stream = await createMatchFollow(options as never).open('ada');
  expect(await stream.next()).toEqual({ done: false, value: place });
  const next = stream.next();
  await new Promise(setImmediate);
  call();
  await new Promise(setImmediate);
  expect(looks).toBe(2);
  expect(logger.lines.map(({ level }) => level)).toEqual(levels.flatMap((level) => [level, level]));
  await stream.return?.();
  expect((await next).done).toBe(true);
});
