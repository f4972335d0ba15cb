import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { createRedisState } from '../../api/infra/state/redis.ts';
import { type State, StateUnavailableError, type Ticket } from '../../api/infra/state/state.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { startOwnRedis } from '../support/services/redis.ts';
import { sharedRedis } from '../support/services/shared.ts';
import { describeOnlineMembers } from './online-members.ts';
import { describeState, persistedBytes } from './state.ts';

const times = { leaseMs: 600_000, relaxMs: 300_000 };

let sharedUrl: string;
beforeAll(async () => {
  sharedUrl = await sharedRedis();
});

type Options = Partial<Pick<Parameters<typeof createRedisState>[0], 'prefix' | 'timeoutMs' | 'now' | 'persistedBytes'>>;

async function createUnderTest() {
  let now = Date.now();
  const state = create(sharedUrl, { now: () => now, persistedBytes });
  const advance = async (ms: number) => {
    now += ms;
  };
  return { state, advance, dispose: () => state.stop() };
}

describeState('over Redis', createUnderTest);
describeOnlineMembers('over Redis', createUnderTest);

describe('state over Redis', () => {
  const opening = createOpening();
  const startServer = async () => opening(await startOwnRedis());
  const stateOver = (url: string, options: Options = {}) => opening(create(url, options));

  test('begins a window again that would last longer than a whole one, because the clock of Redis was set back', async () => {
    const prefix = randomUUID();
    const state = stateOver(sharedUrl, { prefix });
    const rate = { points: 1, windowMs: 60_000 };
    expect(await state.limits.take('ada', rate)).toBe(0);
    expect(await state.limits.take('ada', rate)).toBeGreaterThan(0);
    const redis = new Redis(sharedUrl);
    for (const key of await redis.keys(`${prefix}:limits:*`)) await redis.pexpire(key, 3_600_000);
    redis.disconnect();
    expect(await state.limits.take('ada', rate)).toBe(0);
    expect(await state.limits.take('ada', rate)).toBeLessThanOrEqual(rate.windowMs);
  });

  test('shares persisted queries between processes, which remember them while Redis is away', async () => {
    const redis = await startServer();
    const prefix = randomUUID();
    const [one, other] = [stateOver(redis.url, { prefix }), stateOver(redis.url, { prefix })];
    await one.persistedQueries.add('hash', '{ me { id } }');
    expect(await other.persistedQueries.find('hash')).toBe('{ me { id } }');
    await redis.stop();
    expect(await other.persistedQueries.find('hash')).toBe('{ me { id } }');
    await expect(other.persistedQueries.find('another')).rejects.toBeInstanceOf(StateUnavailableError);
  });

  test('bounds the persisted queries in Redis by their size, also after Redis has evicted one of the keys', async () => {
    const prefix = randomUUID();
    const options = { prefix, persistedBytes: 10 };
    const add = (hash: string, text: string) => stateOver(sharedUrl, options).persistedQueries.add(hash, text);
    const find = (hash: string) => stateOver(sharedUrl, options).persistedQueries.find(hash);
    await add('first', 'aaaaaa');
    await add('second', 'bbbbbb');
    expect([await find('first'), await find('second')]).toEqual([null, 'bbbbbb']);
    const redis = new Redis(sharedUrl);
    // Of two that were used in the same millisecond the first by name is the older.
    for (const key of ['texts', 'used', 'bytes']) {
      expect(await redis.del(`${prefix}:queries:${key}`)).toBe(1);
      await add('a third', 'cccccc');
      await add('b fourth', 'dddddd');
      expect([await find('a third'), await find('b fourth')]).toEqual([null, 'dddddd']);
      expect(await redis.get(`${prefix}:queries:bytes`)).toBe('6');
      expect(await redis.pttl(`${prefix}:queries:${key}`)).toBeGreaterThan(0);
    }
    redis.disconnect();
  });

  test('expires leases by the clock of Redis', async () => {
    const state = stateOver(sharedUrl);
    const ghost = ticket();
    await state.tickets.enter(ghost, { leaseMs: 50, relaxMs: 10 });
    const { offline: gone } = await state.presence.renew('one', ['ada'], 50);
    await vi.waitFor(async () => expect(await state.tickets.find([ghost.userId])).toEqual([null]));
    await vi.waitFor(async () => expect(await state.presence.online(['ada'])).toEqual(new Set()));

    expect(await state.tickets.enter(ticket(), times)).toMatchObject({ status: 'waiting' });
    for (let n = 0; n < 2; n++) gone.push(...(await state.presence.renew('two', [], 1_000)).offline);
    expect(gone).toEqual(['ada']);
  });

  test('reports by the clock of Redis when a lease expires and how long a user has been away', async () => {
    const state = stateOver(sharedUrl);
    const before = Date.now();
    const entered = await state.tickets.enter(ticket(), times);
    expect(entered).toMatchObject({ status: 'waiting' });
    const expiresAt = entered.status === 'waiting' ? entered.expiresAt : 0;
    expect(expiresAt).toBeGreaterThanOrEqual(before + times.leaseMs - 1);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + times.leaseMs + 1);

    expect(await state.presence.away(['ada'])).toEqual(new Map([['ada', 1]]));
    await vi.waitFor(async () => expect((await state.presence.away(['ada'])).get('ada')).toBeGreaterThan(20));
  });

  test('sets an expiry on every key', async () => {
    const redis = await startServer();
    const state = stateOver(redis.url);
    const [ada, bob, carol] = [ticket({ tags: ['tea'] }), ticket({ tags: ['tea'] }), ticket({ strict: true })];
    for (const one of [ada, ticket(), carol, { ...ada, tags: ['cake'] }, ada, bob])
      await state.tickets.enter(one, times);
    await state.tickets.leave(carol.userId);
    await state.presence.renew('one', ['ada', 'bob'], times.leaseMs);
    await state.presence.end('one', ['bob']);
    await state.presence.away(['carol']);
    await state.limits.take('ada', { points: 1, windowMs: 600_000 });

    const client = new Redis(redis.url);
    const keys = await client.keys('*');
    const lives = await Promise.all(keys.map(async (key) => [key, await client.pttl(key)] as const));
    client.disconnect();

    expect(keys.length).toBeGreaterThan(12);
    expect(lives.filter(([, ms]) => ms <= 0)).toEqual([]);
    expect(keys.filter((key) => !key.startsWith('test-'))).toEqual([]);
  });

  test('shares tickets, presence and limits between processes of one prefix only', async () => {
    const [here, there, elsewhere] = ['same', 'same', 'other'].map((part) =>
      stateOver(sharedUrl, { prefix: `${own}:${part}` }),
    );
    const [ada, bob, carol] = [ticket(), ticket(), ticket()];
    await here?.tickets.enter(ada, times);
    await here?.presence.renew('one', ['ada'], times.leaseMs);
    const rate = { points: 1, windowMs: 600_000 };
    expect(await here?.limits.take('ada', rate)).toBe(0);

    expect(await elsewhere?.tickets.enter(carol, times)).toMatchObject({ status: 'waiting' });
    expect(await there?.tickets.enter(bob, times)).toEqual({ status: 'paired', ticket: bob, partner: ada });
    expect(await there?.presence.online(['ada'])).toEqual(new Set(['ada']));
    expect(await elsewhere?.presence.online(['ada'])).toEqual(new Set());
    expect(await there?.limits.take('ada', rate)).toBeGreaterThan(0);
    expect(await elsewhere?.limits.take('ada', rate)).toBe(0);
  });

  test('puts each of a thousand users who enter from two processes at once into at most one pair', async () => {
    const options = { prefix: `${own}:crowd` };
    const [one, other] = [stateOver(sharedUrl, options), stateOver(sharedUrl, options)];
    const all = Array.from({ length: 1_000 }, (_, n) => ticket({ tags: n % 3 === 0 ? [] : [`tag ${n % 7}`] }));

    const entered = await Promise.all(
      all.flatMap((each) => [one.tickets.enter(each, times), other.tickets.enter(each, times)]),
    );

    const partners = new Map<string, Set<string>>();
    for (const state of entered) {
      if (state.status !== 'paired') continue;
      const { ticket: own, partner } = state;
      partners.set(own.id, (partners.get(own.id) ?? new Set()).add(partner.id));
      partners.set(partner.id, (partners.get(partner.id) ?? new Set()).add(own.id));
    }
    expect(partners.size).toBeGreaterThanOrEqual(990);
    for (const [id, others] of partners) {
      expect(others.size).toBe(1);
      expect(others.has(id)).toBe(false);
    }
  });

  test('returns the same results as state in memory for any operations', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 60 }), async (operations) => {
        let now = Date.now();
        const clock = { now: () => now };
        const [memory, redis] = [createMemoryState(clock), stateOver(sharedUrl, clock)];
        for (const one of operations) {
          if (one.name === 'advance') now += one.ms;
          else expect(await perform(redis, one), JSON.stringify(one)).toEqual(await perform(memory, one));
        }
        await redis.stop();
      }),
      { numRuns: 300 },
    );
  });

  test('renews more users than fit into one script, and reports every user who went offline', async () => {
    let now = Date.now();
    const state = stateOver(sharedUrl, { now: () => now });
    const users = Array.from({ length: 1_700 }, (_, n) => `user ${n}`);

    const { online } = await state.presence.renew('one', users, 1_000);
    expect(new Set(online)).toEqual(new Set(users));
    now += 1_000;

    const { offline } = await state.presence.renew('two', [], 1_000);
    expect(offline).toHaveLength(users.length);
    expect(new Set(offline)).toEqual(new Set(users));
    expect((await state.presence.away(users)).size).toBe(users.length);
  });

  test('rejects with a typed error while Redis is unavailable, except limits, and works again, empty, afterwards', async () => {
    const redis = await startServer();
    const state = stateOver(redis.url);
    const ada = ticket();
    await state.tickets.enter(ada, times);
    await state.presence.renew('one', ['ada'], times.leaseMs);

    await redis.kill('SIGKILL');
    await expectUnavailable(state);
    await redis.restart();
    await vi.waitFor(() => state.ready());

    expect(await state.tickets.find([ada.userId])).toEqual([null]);
    expect(await state.tickets.leave(ada.userId)).toBeNull();
    await state.tickets.acknowledge([ada.id]);
    expect(await state.presence.online(['ada'])).toEqual(new Set());
    expect(await state.presence.away(['ada'])).toEqual(new Map([['ada', 1]]));
    expect(await state.presence.end('one', ['ada'])).toEqual(['ada']);
    expect(await state.tickets.enter(ada, times)).toMatchObject({ status: 'waiting', ticket: ada });
    expect(await state.tickets.enter(ticket(), times)).toMatchObject({ status: 'paired', partner: ada });
    expect(await state.limits.take('new', { points: 1, windowMs: 60_000 })).toBe(0);
  });

  test('keeps working after its keys and scripts were flushed', async () => {
    const redis = await startServer();
    const state = stateOver(redis.url);
    const ada = ticket();
    await state.tickets.enter(ada, times);
    const client = new Redis(redis.url);
    await client.flushall();
    await client.script('FLUSH');
    client.disconnect();

    expect(await state.tickets.find([ada.userId])).toEqual([null]);
    expect(await state.tickets.enter(ada, times)).toMatchObject({ status: 'waiting', ticket: ada });
    expect(await state.tickets.enter(ticket(), times)).toMatchObject({ status: 'paired', partner: ada });
  });

  test('detects that Redis hangs, applies no operation late, and has its data when Redis resumes', async () => {
    const redis = await startServer();
    const state = stateOver(redis.url, { timeoutMs: 3_000 });
    const ada = ticket();
    await state.tickets.enter(ada, times);

    await redis.kill('SIGSTOP');
    await expectUnavailable(state);
    await redis.kill('SIGCONT');
    await vi.waitFor(() => state.ready());

    expect(await state.tickets.enter(ticket(), times)).toMatchObject({ status: 'paired', partner: ada });
  });

  test('starts while Redis is unavailable, and works once it is available', async () => {
    const redis = await startServer();
    await redis.kill('SIGKILL');
    const state = stateOver(redis.url);

    await expectUnavailable(state);
    await redis.restart();
    await vi.waitFor(() => state.ready());

    expect(await state.tickets.enter(ticket(), times)).toMatchObject({ status: 'waiting' });
  });
});

const own = `test-${randomUUID()}`;

function create(url: string, options: Options = {}): State {
  const prefix = `test-${randomUUID()}`;
  return createRedisState({ url, prefix, timeoutMs: patienceMs, pingMs: 100, logger: createTestLogger(), ...options });
}

const user = fc.constantFrom('ada', 'bob', 'carol', 'dan', 'eve', 'fay');
const node = fc.constantFrom('one', 'two');
const tag = fc.constantFrom('tea', 'cake', 'books');
/** Two tickets per user, so that some are left and entered again. */
const anyTicket = fc
  .record({
    userId: user,
    number: fc.nat(1),
    tags: fc.uniqueArray(tag, { maxLength: 2 }),
    strict: fc.nat(3).map((n) => n === 0),
    avoid: fc.uniqueArray(user, { maxLength: 2 }),
  })
  .map(({ number, ...rest }): Ticket => ({ ...rest, id: `${rest.userId} ${number}` }));
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ name: fc.constant('enter'), ticket: anyTicket, node: fc.option(node, { nil: undefined }) }),
  },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('unfollow'), node, users: fc.uniqueArray(user) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('find'), user }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('leave'), user }) },
  {
    weight: 2,
    arbitrary: fc.record({ name: fc.constant('acknowledge'), tickets: fc.array(anyTicket, { maxLength: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ name: fc.constant('advance'), ms: fc.constantFrom(1, 150, 300, 700, 5_000) }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('renew'), node, users: fc.uniqueArray(user) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('end'), node, users: fc.uniqueArray(user) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('online'), users: fc.uniqueArray(user) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('away'), users: fc.uniqueArray(user) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('seen'), user }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

async function perform({ tickets, presence }: State, one: Exclude<Operation, { name: 'advance' }>): Promise<unknown> {
  switch (one.name) {
    case 'enter':
      return tickets.enter(one.ticket, { leaseMs: 1_000, relaxMs: 300 }, one.node);
    case 'unfollow':
      return tickets.unfollow(one.node, one.users, 200);
    case 'find':
      return tickets.find([one.user]);
    case 'leave':
      return tickets.leave(one.user);
    case 'acknowledge':
      return tickets.acknowledge(one.tickets.map(({ id }) => id));
    case 'renew': {
      const { online, offline } = await presence.renew(one.node, one.users, 1_000);
      return { online, offline: offline.toSorted() };
    }
    case 'end':
      return presence.end(one.node, one.users);
    case 'online':
      return presence.online(one.users);
    case 'away':
      return presence.away(one.users);
    case 'seen':
      return presence.seen(one.user);
    default:
      throw new Error(`unknown operation ${JSON.stringify(one satisfies never)}`);
  }
}

async function expectUnavailable({ tickets, presence, limits, ready }: State): Promise<void> {
  const asked: (() => Promise<unknown>)[] = [
    () => tickets.enter(ticket(), times),
    () => tickets.find(['ada']),
    () => tickets.leave('ada'),
    () => tickets.acknowledge(['a']),
    () => tickets.unfollow('one', ['ada'], 1_000),
    () => presence.renew('one', ['ada'], 1_000),
    () => presence.end('one', ['ada']),
    () => presence.online(['ada']),
    () => presence.away(['ada']),
    () => presence.seen('ada'),
  ];
  await Promise.all(asked.map((ask) => expect(ask()).rejects.toBeInstanceOf(StateUnavailableError)));
  await expect(ready()).rejects.toThrow();
  const rate = { points: 2, windowMs: 600_000 };
  const taken = await Promise.all(['a', 'a', 'a', 'b'].map((key) => limits.take(key, rate)));
  expect(taken.map((ms) => ms === 0)).toEqual([true, true, false, true]);
}

function ticket(wishes: Partial<Ticket> = {}): Ticket {
  return { id: randomUUID(), userId: randomUUID(), tags: [], strict: false, avoid: [], ...wishes };
}
