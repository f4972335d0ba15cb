import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import { returnMs } from '../../api/domain/match-followers.ts';
import type { MatchView } from '../../api/domain/match-view.ts';
import type { Matching } from '../../api/domain/matching.ts';
import { UnavailableError } from '../../api/errors.ts';
import { userTopic } from '../../api/events.ts';
import { DatabaseUnavailableError, type Query } from '../../api/infra/database/database.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createMatchingWorld, type MatchingWorld } from '../support/matching.ts';
import { createTestUserSignals } from '../support/signals.ts';

const anyone = { tags: [], strict: false };
const leaseMs = 60_000;

let world: MatchingWorld;
let matching: Matching;
let ada: Viewer;
let ben: Viewer;
const open: AsyncIterableIterator<MatchView | null>[] = [];

beforeAll(async () => {
  world = await createMatchingWorld();
});
beforeEach(async () => {
  world.loseState();
  world.faults.length = 0;
  matching = world.gateway();
  [ada, ben] = (await world.users(2)) as [Viewer, Viewer];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((stream) => stream.return?.()));
});
afterAll(() => world.stop());

it('delivers the present state at once: nothing, a place or a match', async () => {
  expect(await first(ada)).toBeNull();
  await matching.match(ada, anyone);
  const { seen } = await watch(matching, ada);
  await tells(seen, ['WAITING']);
  expect(seen[0]).toMatchObject({ expiresAt: expect.any(Date) });
  await matching.match(ben, anyone);
  expect(await first(ada)).toMatchObject({ status: 'MATCHED', partnerId: ben.userId });
  await matching.unmatch(ben);
  expect(await first(ada)).toBeNull();
});

it('delivers each change once, from any gateway, and continues with the next place', async () => {
  const { seen } = await watch(world.gateway(), ada);
  await tells(seen, [null]);
  const { id } = await matching.match(ada, anyone);
  await tells(seen, [null, 'WAITING']);
  const match = await matching.match(ben, anyone);
  await tells(seen, [null, 'WAITING', 'MATCHED']);
  await matching.unmatch(ben);
  await tells(seen, [null, 'WAITING', 'MATCHED', 'ENDED']);
  const next = await matching.match(ada, anyone);
  await tells(seen, [null, 'WAITING', 'MATCHED', 'ENDED', 'WAITING']);

  expect(seen.map((view) => view?.id)).toEqual([undefined, id, id, id, next.id]);
  expect(seen[2]).toMatchObject({ channelId: match.channelId, partnerId: ben.userId });
  expect(seen[3]).toMatchObject({ channelId: match.channelId, partnerId: ben.userId, endReason: 'PARTNER_LEFT' });
});

it('renews the place at once and at every look-up, which delivers no change', async () => {
  await matching.match(ada, anyone);
  world.clock.now += leaseMs - 1;
  const { seen } = await watch(matching, ada);
  await placeLasts();
  for (let round = 0; round < 3; round++) {
    world.clock.now += leaseMs - 1;
    await signal(ada);
    await placeLasts();
  }
  expect(await matching.match(ben, anyone)).toMatchObject({ status: 'MATCHED', partnerId: ada.userId });
  await tells(seen, ['WAITING', 'MATCHED']);
});

describe('the shared timer', () => {
  it('asks for the absence of all partners of a node in one request to the state, and reads no match', async () => {
    const people = await world.users(20);
    for (const person of people) await matching.match(person, anyone);
    const counted = countedGateway();
    const watched = await Promise.all(people.map((person) => watch(counted.gateway, person)));
    for (const { seen } of watched) await tells(seen, ['MATCHED']);

    const counts = counted.callFollowers();
    await vi.waitFor(() => expect(counts).toEqual({ statements: 0, away: [people.length], find: [] }));

    const idle = await watch(counted.gateway, ada);
    await tells(idle.seen, [null]);
    const further = counted.callFollowers();
    await vi.waitFor(() => expect(further).toEqual({ statements: 0, away: [people.length], find: [] }));
    await idle.stream.return?.();

    for (const { stream } of watched) await stream.return?.();
    expect(counted.listeners.size).toBe(0);
  });

  it('looks all places of a node up in one request to the state, and reads matches once before and once after', async () => {
    const people = await world.users(20);
    const counted = countedGateway();
    const watched = await Promise.all(people.map((person) => watch(counted.gateway, person)));
    for (const [n, person] of people.entries()) await matching.match(person, { tags: [`tag ${n}`], strict: true });
    for (const { seen } of watched) await tells(seen, [null, 'WAITING']);

    world.clock.now += 1;
    const counts = counted.callFollowers();
    await vi.waitFor(async () => {
      const places = await world.state.tickets.find(people.map(({ userId }) => userId));
      for (const place of places) expect(place).toMatchObject({ expiresAt: world.clock.now + leaseMs });
    });
    await vi.waitFor(() => expect(counts).toEqual({ statements: 2, away: [], find: [people.length] }));
  });
});

/** Creates a gateway whose statements and requests to the state are counted, and whose followers the test calls. */
function countedGateway() {
  let counts = { statements: 0, away: [] as number[], find: [] as number[] };
  const query: Query = (statement, parameters) => {
    counts.statements++;
    return world.database.query(statement, parameters);
  };
  const { presence, tickets } = world.state;
  const away: typeof presence.away = (userIds) => {
    counts.away.push(userIds.length);
    return presence.away(userIds);
  };
  const find: typeof tickets.find = (userIds) => {
    counts.find.push(userIds.length);
    return tickets.find(userIds);
  };
  const listeners = new Set<() => void>();
  const add = (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const gateway = world.gateway({
    database: { ...world.database, query },
    state: { ...world.state, presence: { ...presence, away }, tickets: { ...tickets, find } },
    timer: { add },
  });
  const callFollowers = () => {
    counts = { statements: 0, away: [], find: [] };
    for (const listener of listeners) listener();
    return counts;
  };
  return { gateway, listeners, callFollowers };
}

describe('the end of a stream', () => {
  it('lets the place be passed over, and leave the queue after a moment', async () => {
    await matching.match(ada, anyone);
    const { stream } = await watchPlace();
    await stream.return?.();
    await placeEndsSoon();
    expect(await matching.match(ben, anyone)).toMatchObject({ status: 'WAITING' });
    world.clock.now += returnMs;
    expect(await first(ada)).toBeNull();
  });

  it('changes nothing while another stream of the user lasts, on this node or another', async () => {
    await matching.match(ada, anyone);
    const node = world.gateway();
    const tabs = [await watch(node, ada), await watch(node, ada), await watch(matching, ada)];
    for (const { seen } of tabs) await tells(seen, ['WAITING']);
    await renewed();
    for (const { stream } of tabs.slice(0, 2)) await stream.return?.();
    await renewed();
    expect(await matching.match(ben, anyone)).toMatchObject({ status: 'MATCHED', partnerId: ada.userId });
  });

  it('keeps the place for a stream that begins a moment later, on any node', async () => {
    const { id } = await matching.match(ada, anyone);
    const { stream } = await watchPlace();
    await stream.return?.();
    await placeEndsSoon();
    world.clock.now += returnMs - 1;
    const { seen } = await watch(world.gateway(), ada);
    await placeLasts();
    await tells(seen, ['WAITING']);
    expect(seen[0]).toMatchObject({ id });
    expect(await matching.match(ben, anyone)).toMatchObject({ status: 'MATCHED', partnerId: ada.userId });
  });

  it('comes after a renewal that is under way', async () => {
    await matching.match(ada, anyone);
    const { tickets } = world.state;
    let proceed = () => {};
    const gate = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const enter = vi.fn<typeof tickets.enter>(async (...asked) => {
      await gate;
      return tickets.enter(...asked);
    });
    const { stream } = await watch(world.gateway({ state: { ...world.state, tickets: { ...tickets, enter } } }), ada);
    await vi.waitFor(() => expect(enter).toHaveBeenCalled());
    const ended = stream.return?.();
    proceed();
    await ended;
    await placeEndsSoon();
  });

  it('ends no place that was taken without a stream, as by an app that only calls and queries', async () => {
    await matching.match(ada, anyone);
    world.clock.now += leaseMs - 1;
    expect(await matching.current(ada)).toMatchObject({ status: 'WAITING' });
    expect(await matching.match(ben, anyone)).toMatchObject({ status: 'MATCHED', partnerId: ada.userId });
  });
});

it('delivers the match again when the partner goes offline or comes back', async () => {
  const { presence } = world.state;
  await presence.renew('node', [ben.userId], leaseMs);
  await matching.match(ada, anyone);
  await matching.match(ben, anyone);
  const timer = createCalledTimer();
  const { seen, stream } = await watch(world.gateway({ timer }), ada);
  await tells(seen, ['MATCHED']);

  await presence.end('node', [ben.userId]);
  await world.pubsub.publish('presence', [ben.userId]);
  await tells(seen, ['MATCHED', 'MATCHED']);
  await presence.renew('node', [ben.userId], leaseMs);
  await world.pubsub.publish('presence', [ada.userId, ben.userId]);
  await tells(seen, ['MATCHED', 'MATCHED', 'MATCHED']);
  expect(new Set(seen.map((view) => view?.id)).size).toBe(1);

  // The signal is lost: the next regular look notices it.
  await presence.end('node', [ben.userId]);
  timer.call();
  await tells(seen, ['MATCHED', 'MATCHED', 'MATCHED', 'MATCHED']);
  await stream.return?.();
});

it('tries to pair at each renewal', async () => {
  await matching.match(ada, { tags: ['chess'], strict: false });
  const { seen } = await watchPlace();
  await matching.match(ben, { tags: ['go'], strict: false });
  world.clock.now += 5_000;
  await signal(ada);
  await tells(seen, ['WAITING', 'MATCHED']);
});

it('takes the same place again, with its preferences, when the queue lost its data', async () => {
  const { id } = await matching.match(ada, { tags: ['chess'], strict: true });
  const { seen } = await watchPlace();
  world.loseState();
  await signal(ada);
  await placeLasts();
  expect(await matching.match(ben, { tags: ['chess'], strict: true })).toMatchObject({ status: 'MATCHED' });
  await tells(seen, ['WAITING', 'MATCHED']);
  expect(seen[1]).toMatchObject({ id });
});

it('does not take a place again that was given up, in any tab', async () => {
  await matching.match(ada, anyone);
  const tabs = [await watchPlace(), await watchPlace()];
  await matching.unmatch(ada);
  for (const { seen } of tabs) await tells(seen, ['WAITING', 'ENDED']);
  for (const { seen } of tabs) expect(seen[1]).toMatchObject({ endReason: 'LEFT', partnerId: null });
  await signal(ada);
  expect(await matching.match(ben, anyone)).toMatchObject({ status: 'WAITING' });
});

it('delivers the end of a match before the place that was taken since', async () => {
  const signals = held(world.pubsub);
  await matching.match(ada, anyone);
  await matching.match(ben, anyone);
  const { seen } = await watch(world.gateway({ pubsub: signals.pubsub }), ada);
  await tells(seen, ['MATCHED']);
  signals.hold();
  await matching.unmatch(ben);
  const { id } = await matching.match(ada, anyone);
  signals.release();
  await tells(seen, ['MATCHED', 'ENDED', 'WAITING']);
  expect(seen.map((view) => view?.id === id)).toEqual([false, false, true]);
});

it('finds a change without a signal by the verification of the user', async () => {
  const deaf = { ...world.pubsub, subscribe: async () => async () => {} };
  const userSignals = createTestUserSignals(deaf, { everyMs: 30, awayMs: 10 });
  await userSignals.start();
  const { seen } = await watch(world.gateway({ userSignals }), ada);
  await tells(seen, [null]);
  await matching.match(ada, anyone);
  await tells(seen, [null, 'WAITING']);
  await matching.match(ben, anyone);
  await tells(seen, [null, 'WAITING', 'MATCHED']);
  await matching.unmatch(ben);
  await tells(seen, [null, 'WAITING', 'MATCHED', 'ENDED']);
  await userSignals.stop();
});

it('delivers a match only once its channel exists, and opens a channel that a crash left unopened', async () => {
  await matching.match(ada, anyone);
  const { seen } = await watchPlace();
  world.faults.push('lost', 'lost');
  await expect(matching.match(ben, anyone)).rejects.toBeInstanceOf(UnavailableError);
  await signal(ada);
  await vi.waitFor(() => expect(world.faults).toEqual([]));
  expect(seen).toHaveLength(1);
  await signal(ada);
  await tells(seen, ['WAITING', 'MATCHED']);
  expect(await world.database.prisma.channel.count({ where: { id: seen[1]?.channelId ?? '' } })).toBe(1);
});

it('ends a match whose partner stays away, without a signal', async () => {
  const timer = createCalledTimer();
  await matching.match(ada, anyone);
  await matching.match(ben, anyone);
  const { seen } = await watch(world.gateway({ timer }), ada);
  await tells(seen, ['MATCHED']);
  world.clock.now += 60_001;
  timer.call();
  await tells(seen, ['MATCHED', 'ENDED']);
  expect(seen[1]).toMatchObject({ endReason: 'PARTNER_GONE' });
});

it('continues after a failed look-up', async () => {
  let away = false;
  const refused = vi.fn(() => Promise.reject(new DatabaseUnavailableError('away')));
  const query: Query = (...asked) => (away ? refused() : world.database.query(...asked));
  const { seen } = await watch(world.gateway({ database: { ...world.database, query } }), ada);
  await tells(seen, [null]);
  away = true;
  await signal(ada);
  await vi.waitFor(() => expect(refused).toHaveBeenCalled());
  away = false;
  await matching.match(ada, anyone);
  await tells(seen, [null, 'WAITING']);
});

it('fails at once when the present state cannot be read', async () => {
  const query = () => Promise.reject(new DatabaseUnavailableError('away'));
  const stream = await world.gateway({ database: { ...world.database, query } }).follow(ada);
  await expect(stream.next()).rejects.toBeInstanceOf(DatabaseUnavailableError);
});

it('ends while it waits, and unsubscribes', async () => {
  const ended = vi.fn(async () => {});
  const pubsub = { ...world.pubsub, subscribe: async () => ended };
  const stream = await world.gateway({ pubsub }).follow(ada);
  await stream.next();
  const next = stream.next();
  await stream.return?.();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(ended).toHaveBeenCalledTimes(1);
});

async function watch(gateway: Matching, viewer: Viewer) {
  const stream = await gateway.follow(viewer);
  open.push(stream);
  const seen: (MatchView | null)[] = [];
  void (async () => {
    for await (const view of stream) seen.push(view);
  })();
  return { stream, seen };
}

/** Follows ada's match, while she has a place, until it has been renewed once. */
async function watchPlace() {
  world.clock.now += 1;
  const watched = await watch(world.gateway(), ada);
  await placeLasts();
  return watched;
}

async function first(viewer: Viewer): Promise<MatchView | null | undefined> {
  const stream = await matching.follow(viewer);
  const { value } = await stream.next();
  await stream.return?.();
  return value;
}

async function tells(seen: readonly (MatchView | null)[], statuses: readonly (MatchView['status'] | null)[]) {
  await vi.waitFor(() => expect(seen.map((view) => view?.status ?? null)).toEqual(statuses));
}

/** Makes a viewer's followers look their match up. */
async function signal({ userId }: Viewer): Promise<void> {
  await world.pubsub.publish(userTopic(userId), { type: 'match' });
}

/** Creates a timer that the test calls. */
function createCalledTimer() {
  const listeners = new Set<() => void>();
  return {
    call(): void {
      for (const listener of listeners) listener();
    },
    add(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Lets time pass and resolves once each of ada's nodes has had the chance to renew her place. */
async function renewed(): Promise<void> {
  world.clock.now += 1;
  await signal(ada);
  await placeLasts();
}

/** Resolves once ada's place ends soon. */
async function placeEndsSoon(): Promise<void> {
  await vi.waitFor(async () => {
    expect((await world.state.tickets.find([ada.userId]))[0]).toMatchObject({ expiresAt: world.clock.now + returnMs });
  });
}

/** Resolves once ada's place lasts for a full lease from now. */
async function placeLasts(): Promise<void> {
  await vi.waitFor(async () => {
    expect((await world.state.tickets.find([ada.userId]))[0]).toMatchObject({ expiresAt: world.clock.now + leaseMs });
  });
}

/** Signals that can be withheld for a while. */
function held(pubsub: PubSub) {
  const kept: (() => void)[] = [];
  let holding = false;
  return {
    pubsub: {
      ...pubsub,
      subscribe: ((topic, listener) =>
        pubsub.subscribe(topic, (message) => {
          if (holding) kept.push(() => listener(message));
          else listener(message);
        })) satisfies PubSub['subscribe'],
    },
    hold: () => {
      holding = true;
    },
    release: () => {
      holding = false;
      for (const listen of kept.splice(0)) listen();
    },
  };
}
