import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPresence } from '../../api/domain/presence.ts';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import { createMemoryPresence } from '../../api/infra/state/memory-presence.ts';
import { createTestLogger } from '../support/logger.ts';

const leaseMs = 30_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Creates a node's presence over a state that other nodes may share, and counts its requests. */
function createNode(nodeId: string, state = createMemoryPresence(Date.now)) {
  const renew = vi.fn(state.renew);
  const end = vi.fn(state.end);
  const query = vi.fn(async () => []);
  const publish = vi.fn(async (_topic: string, _userIds: readonly string[]) => {});
  const parts = { presence: { ...state, renew, end }, database: { query }, pubsub: { publish: publish as never } };
  const presence = createPresence({ ...parts, nodeId, leaseMs, onChange: async () => {}, logger: createTestLogger() });
  presence.start();
  const announced = () => publish.mock.calls.map(([, userIds]) => userIds);
  /** Numbers of users of each renewal, without the looks for expired leases. */
  const renewed = () => renew.mock.calls.map(([, userIds]) => userIds.length).filter((count) => count > 0);
  return { presence, state, renewed, end, query, announced };
}

test('five thousand users who connect at once, and leave at once, cost a few requests of a bounded size', async () => {
  const { presence, renewed, end, query, announced } = createNode('one');
  const users = Array.from({ length: 5_000 }, (_, n) => `user ${n}`);
  const leave = users.map(presence.connected);
  await vi.advanceTimersByTimeAsync(100);
  expect(renewed()).toEqual(Array(10).fill(500));
  expect(announced().flat()).toEqual(users);
  expect(await presence.online(users)).toEqual(new Set(users));

  for (const disconnect of leave) disconnect();
  await vi.advanceTimersByTimeAsync(2_100);
  expect(end.mock.calls.map(([, userIds]) => userIds.length)).toEqual(Array(10).fill(500));
  expect(query).toHaveBeenCalledTimes(10);
  expect(announced().flat()).toEqual([...users, ...users]);
  expect(await presence.online(users)).toEqual(new Set());
});

test('users who reconnect while they still count as online cost nothing', async () => {
  const { presence, renewed, end, announced } = createNode('one');
  const leave = presence.connected('ada');
  await vi.advanceTimersByTimeAsync(100);
  leave();
  await vi.advanceTimersByTimeAsync(1_900);
  presence.connected('ada');
  await vi.advanceTimersByTimeAsync(2_000);
  expect([renewed().length, end.mock.calls.length, announced()]).toEqual([1, 0, [['ada']]]);
});

test('the time of a departure is written before others are told, who are told even if it cannot be', async () => {
  const { presence, query, announced } = createNode('one');
  const toldBefore: number[] = [];
  query.mockImplementation(async () => {
    toldBefore.push(announced().length);
    if (toldBefore.length > 1) throw new DatabaseUnavailableError('away');
    return [];
  });
  for (const user of ['ada', 'bob']) {
    const leave = presence.connected(user);
    await vi.advanceTimersByTimeAsync(100);
    leave();
    await vi.advanceTimersByTimeAsync(2_100);
  }
  expect(toldBefore).toEqual([1, 3]);
  expect(announced()).toEqual([['ada'], ['ada'], ['bob'], ['bob']]);
});

test('a user who connects at the end of the grace period stays online', async () => {
  const { presence, end } = createNode('one');
  const leave = presence.connected('ada');
  await vi.advanceTimersByTimeAsync(100);
  leave();
  await vi.advanceTimersByTimeAsync(1_999);
  presence.connected('ada');
  await vi.advanceTimersByTimeAsync(100);
  expect(end).not.toHaveBeenCalled();
  expect(await presence.online(['ada'])).toEqual(new Set(['ada']));
});

test('a user with devices on two nodes stays online until both have left', async () => {
  const one = createNode('one');
  const two = createNode('two', one.state);
  const leave = [one.presence.connected('ada'), two.presence.connected('ada')] as const;
  await vi.advanceTimersByTimeAsync(100);
  expect([...one.announced(), ...two.announced()]).toEqual([['ada']]);
  leave[0]();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await two.presence.online(['ada'])).toEqual(new Set(['ada']));
  expect(one.announced()).toHaveLength(1);
  leave[1]();
  await vi.advanceTimersByTimeAsync(2_100);
  expect(two.announced()).toEqual([['ada']]);
});

test('the users of a node that was killed go offline when their lease ends, and another node tells of it', async () => {
  const killed = createNode('killed');
  killed.presence.connected('ada');
  await vi.advanceTimersByTimeAsync(100);
  vi.clearAllTimers();
  const other = createNode('other', killed.state);
  await vi.advanceTimersByTimeAsync(leaseMs + 1_000);
  expect(other.announced()).toEqual([['ada']]);
  expect(await other.presence.online(['ada'])).toEqual(new Set());
  expect(other.query).toHaveBeenCalledTimes(1);
});
