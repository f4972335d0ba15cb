import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCostBudget } from '../../api/domain/cost-budget.ts';
import { createRateLimits } from '../../api/domain/rate-limits.ts';
import { RateLimitedError } from '../../api/errors.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import type { Limits, State } from '../../api/infra/state/state.ts';
import { startApp } from '../support/app.ts';
import { ask, guest } from '../support/client.ts';
import { createTestLogger } from '../support/logger.ts';
import { openSocket } from '../support/wire.ts';

describe('the budget of two nodes that share a state', () => {
  let state: State;
  let trips = 0;
  const client = (userId: string | null, address = '10.0.0.1') => ({ viewer: userId ? { userId } : null, address });

  beforeEach(() => {
    state = createMemoryState();
    trips = 0;
  });
  afterEach(() => state.stop());

  function node(now?: () => number) {
    const limits: Limits = {
      take: (...taken) => {
        trips++;
        return state.limits.take(...taken);
      },
    };
    const rateLimits = createRateLimits({ limits, onRefused() {}, logger: createTestLogger() });
    return createCostBudget({ rateLimits, pointsPerMinute: 1_000, ...(now ? { now } : {}) });
  }

  test('ends with the points that a viewer spent on both', async () => {
    const [here, there] = [node(), node()];
    await here.spend(client('ada'), 600);
    await expect(there.spend(client('ada'), 600)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extensions: { retryAfterMs: expect.any(Number) },
    });
    await there.spend(client('ada'), 400);
    await expect(here.spend(client('ada'), 1)).rejects.toBeInstanceOf(RateLimitedError);
    await here.spend(client('bob'), 600);
  });

  test('is one for the anonymous clients of an address, apart from those of its users', async () => {
    const [here, there] = [node(), node()];
    await here.spend(client(null), 1_000);
    await expect(there.spend(client(null), 1)).rejects.toBeInstanceOf(RateLimitedError);
    await there.spend(client('ada'), 1_000);
    await there.spend(client(null, '10.0.0.2'), 1_000);
  });

  test('is bounded for an address, however many users it has', async () => {
    const [here, there] = [node(), node()];
    for (let n = 0; n < 25; n++) await (n % 2 ? here : there).spend(client(`user ${n}`), 1_000);
    await expect(here.spend(client('one more'), 1)).rejects.toBeInstanceOf(RateLimitedError);
    await here.spend(client('one more', '10.0.0.2'), 1);
  });

  test('is one for the addresses of an IPv6 network', async () => {
    await node().spend({ viewer: null, address: '2001:db8::1' }, 1_000);
    await expect(node().spend({ viewer: null, address: '2001:db8::2' }, 1)).rejects.toBeInstanceOf(RateLimitedError);
    await node().spend({ viewer: null, address: '2001:db8:0:1::1' }, 1);
  });

  test('takes cheap operations from chunks, so that few of them ask the state', async () => {
    let now = 0;
    const here = node(() => now);
    for (let n = 0; n < 10; n++) await here.spend(client('ada'), 1);
    expect(trips).toBe(2);
    await here.spend(client('ada'), 1);
    expect(trips).toBe(3);
    now += 10_000;
    await here.spend(client('ada'), 1);
    expect(trips).toBe(5);
  });

  test('lets an operation above the whole budget run once', async () => {
    await node().spend(client('ada'), 5_000);
    await expect(node().spend(client('ada'), 1)).rejects.toBeInstanceOf(RateLimitedError);
  });
});

test('a viewer without points left is refused queries over HTTP, in batches and over WebSockets, but can send', async () => {
  const { url, stop } = await startApp({ RATE_LIMITS: 'on', COST_BUDGET_PER_MINUTE: '1000' });
  const [ada, bob] = [await guest(url, 'Ada'), await guest(url, 'Bob')];
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Tea" }) { id } }')).createRoom;
  const heavy = '{ rooms(first: 100) { nodes { onlineCount } } }';
  expect(await ada.codeOf(heavy)).toBeNull();

  const { errors, status } = await ask(url, heavy, {}, ada.token);
  expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
  expect(status).toBeLessThan(500);
  const socket = await openSocket(url, { token: ada.token });
  socket.subscribe('1', '{ me { id } }');
  expect(JSON.stringify(await socket.next())).toContain('RATE_LIMITED');
  socket.socket.terminate();
  const batch = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ada.token}` },
    body: JSON.stringify([{ query: '{ me { id } }' }, { query: '{ me { id } }' }]),
  });
  expect(await batch.json()).toMatchObject([
    { errors: [{ extensions: { code: 'RATE_LIMITED' } }] },
    { errors: [{ extensions: { code: 'RATE_LIMITED' } }] },
  ]);

  const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }';
  expect(await ada.codeOf(send, { id })).toBeNull();
  const bypass = 'mutation ($id: ID!) { joinRoom(channelId: $id) { messages(last: 100) { nodes { id } } } }';
  expect(await ada.codeOf(bypass, { id })).toBe('RATE_LIMITED');
  expect(await bob.codeOf('{ me { id } }')).toBeNull();
  await stop();
});

test('a subscription pays for each opening, and is refused if each of its events would cost much', async () => {
  const { url, stop } = await startApp({ RATE_LIMITS: 'on', COST_BUDGET_PER_MINUTE: '200' });
  const ada = await guest(url, 'Ada');
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Tea" }) { id } }')).createRoom;
  const socket = await openSocket(url, { token: ada.token });
  const page = 'messages(last: 100) { nodes { id author { id name } } }';
  const heavy = `subscription ($id: ID!) { messages(channelId: $id) { channel { a: ${page} b: ${page} c: ${page} } } }`;
  socket.subscribe('heavy', heavy, { id });
  expect(await socket.next()).toMatchObject({
    payload: { errors: [{ extensions: { code: 'BAD_REQUEST', limit: 500 } }] },
  });
  expect(await socket.next()).toMatchObject({ id: 'heavy', type: 'complete' });

  const light = 'subscription ($id: ID!) { messages(channelId: $id) { id } }';
  for (let n = 0; n < 11; n++) socket.subscribe(`${n}`, light, { id });
  expect(await socket.next()).toMatchObject({ id: '10' });
  socket.socket.terminate();
  await stop();
});
