import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { State, Ticket } from '../../api/infra/state/state.ts';

/** State under test, with a clock that the test moves. */
export interface StateUnderTest {
  state: State;
  /** Lets this many milliseconds pass. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

const times = { leaseMs: 1_000, relaxMs: 300 };

/** Bound on the persisted queries of a state under test, in bytes. */
export const persistedBytes = 12;

/** Describes the behavior that every state shares. */
export function describeState(name: string, create: () => Promise<StateUnderTest>): void {
  describe(`state ${name}`, () => {
    let under: StateUnderTest;

    beforeEach(async () => {
      under = await create();
    });
    afterEach(() => under.dispose());

    const enter = (one: Ticket, nodeId?: string) => under.state.tickets.enter(one, times, nodeId);

    test('pairs a new ticket with the one that has waited longest, and returns the pair to both until it is acknowledged', async () => {
      const [ada, bob, carol] = [ticket(), ticket(), ticket()];
      expect(await enter(ada)).toMatchObject({ status: 'waiting', ticket: ada });

      expect(await enter(bob)).toEqual({ status: 'paired', ticket: bob, partner: ada });

      expect(await enter(ada)).toEqual({ status: 'paired', ticket: ada, partner: bob });
      expect((await under.state.tickets.find([ada.userId]))[0]).toMatchObject({ status: 'paired' });
      expect(await enter(carol)).toMatchObject({ status: 'waiting' });
      await under.state.tickets.acknowledge([ada.id, bob.id]);
      expect((await under.state.tickets.find([ada.userId]))[0]).toBeNull();
      expect(await enter(ticket({ userId: ada.userId }))).toMatchObject({ status: 'paired', partner: carol });
    });

    test('forgets a pair after a while, and settling it later does not affect a newer pair', async () => {
      const [ada, bob] = [ticket(), ticket()];
      await enter(ada);
      await enter(bob);
      await under.advance(5_001);
      expect((await under.state.tickets.find([ada.userId]))[0]).toBeNull();
      const [newer, partner] = [ticket({ userId: ada.userId }), ticket({ userId: bob.userId })];
      await enter(newer);
      expect(await enter(partner)).toEqual({ status: 'paired', ticket: partner, partner: newer });

      await under.state.tickets.acknowledge([ada.id, bob.id]);

      expect(await enter(newer)).toEqual({ status: 'paired', ticket: newer, partner });
    });

    test('keeps one ticket per user: entering again renews it, keeps its id and updates its wishes', async () => {
      const first = ticket({ tags: ['tea'], strict: true });
      await enter(first);
      await under.advance(800);

      const again = await enter({ ...first, id: randomUUID(), tags: ['books'] });

      expect(again).toMatchObject({ status: 'waiting', ticket: { id: first.id, tags: ['books'] } });
      await under.advance(800);
      expect((await under.state.tickets.find([first.userId]))[0]).toMatchObject({ status: 'waiting' });
      expect(await enter(ticket({ tags: ['tea'], strict: true }))).toMatchObject({ status: 'waiting' });
      expect(await enter(ticket({ tags: ['books'], strict: true }))).toMatchObject({ status: 'paired' });
    });

    test('keeps the place of a ticket that is renewed, and orders it by time of entry when its wishes change', async () => {
      const [first, second] = [ticket({ tags: ['tea', 'cake'] }), ticket({ tags: ['tea', 'books'] })];
      await enter(first);
      await enter({ ...second, avoid: [first.userId] });
      await enter(first);
      expect(await enter(ticket({ tags: ['tea'] }))).toMatchObject({ status: 'paired', partner: { id: first.id } });
      expect(await under.state.tickets.leave(second.userId)).toMatchObject({ id: second.id });

      const [third, fourth] = [ticket({ tags: ['cake'], strict: true }), ticket()];
      await enter(third);
      await enter({ ...fourth, tags: ['books'], avoid: [third.userId] });
      await enter({ ...third, tags: ['music', 'books'] });
      expect(await enter(ticket({ tags: ['books'] }))).toMatchObject({ status: 'paired', partner: { id: third.id } });
    });

    test('pairs tickets without tags in the order of entry, even if they had tags before', async () => {
      const [first, second] = [ticket({ tags: ['tea'] }), ticket()];
      await enter(first);
      await enter({ ...second, avoid: [first.userId] });
      await enter({ ...first, tags: [] });

      expect(await enter(ticket())).toMatchObject({ status: 'paired', partner: { id: first.id } });
      expect(await enter(ticket())).toMatchObject({ status: 'paired', partner: { id: second.id } });
    });

    test('puts an expired ticket at the end of the order when it enters again', async () => {
      const [first, second] = [ticket({ tags: ['tea'] }), ticket({ tags: ['tea'] })];
      await enter(first);
      await under.advance(800);
      await enter({ ...second, avoid: [first.userId] });
      await under.advance(201);
      expect(await enter(first)).toMatchObject({ status: 'waiting', ticket: { id: first.id } });

      expect(await enter(ticket({ tags: ['tea'] }))).toMatchObject({ status: 'paired', partner: { id: second.id } });
    });

    test('never pairs with an expired ticket', async () => {
      const ghost = ticket();
      await enter(ghost);
      await under.advance(1_001);

      expect(await enter(ticket())).toMatchObject({ status: 'waiting' });
      expect((await under.state.tickets.find([ghost.userId]))[0]).toBeNull();
    });

    test('prefers a shared tag, and pairs without one only after a while', async () => {
      const books = ticket({ tags: ['books'] });
      const tea = ticket({ tags: ['tea', 'cake'] });
      await enter(books);
      expect(await enter(tea)).toMatchObject({ status: 'waiting' });
      const cake = ticket({ tags: ['cake'] });
      expect(await enter(cake)).toMatchObject({ status: 'paired', partner: { id: tea.id } });
      await under.advance(301);

      expect(await enter(ticket({ tags: ['music'] }))).toMatchObject({ status: 'paired', partner: { id: books.id } });
    });

    test('pairs without a shared tag once the ticket that enters has waited long enough', async () => {
      const books = ticket({ tags: ['books'] });
      await enter(books);
      await under.advance(200);
      const tea = ticket({ tags: ['tea'] });
      await enter(tea);
      await under.advance(200);

      expect(await enter(tea)).toMatchObject({ status: 'paired', partner: { id: books.id } });
    });

    test('never pairs a strict ticket without a shared tag', async () => {
      const strict = ticket({ tags: ['tea'], strict: true });
      await enter(strict);
      await under.advance(500);

      expect(await enter(ticket())).toMatchObject({ status: 'waiting' });
      expect(await enter(strict)).toMatchObject({ status: 'waiting' });
      expect(await enter(ticket({ tags: ['tea'] }))).toMatchObject({ status: 'paired', partner: { id: strict.id } });
    });

    test('never pairs two users if one avoids the other', async () => {
      const ada = ticket();
      const bob = ticket({ avoid: [ada.userId] });
      await enter(ada);

      expect(await enter(bob)).toMatchObject({ status: 'waiting' });
      expect(await enter(ada)).toMatchObject({ status: 'waiting' });
    });

    test('removes a ticket that leaves, and remembers its id', async () => {
      const ada = ticket();
      await enter(ada);

      expect(await under.state.tickets.leave(ada.userId)).toEqual(ada);

      expect(await under.state.tickets.leave(ada.userId)).toBeNull();
      expect(await enter(ada)).toEqual({ status: 'left' });
      expect(await enter(ticket({ userId: ada.userId }))).toMatchObject({ status: 'waiting' });
    });

    test('passes a place over as soon as its last follower has gone, and ends it after a moment', async () => {
      const ada = ticket();
      await enter(ada, 'one');
      await under.state.tickets.unfollow('one', [ada.userId, randomUUID()], 200);

      const bob = ticket();
      expect(await enter(bob)).toMatchObject({ status: 'waiting' });
      await under.state.tickets.leave(bob.userId);
      await under.advance(199);
      expect((await under.state.tickets.find([ada.userId]))[0]).toMatchObject({ status: 'waiting', ticket: ada });
      await under.advance(1);
      expect((await under.state.tickets.find([ada.userId]))[0]).toBeNull();
    });

    test('keeps id and time of entry of a place that is entered again before it ends', async () => {
      const [ada, bob] = [ticket(), ticket()];
      await enter(ada, 'one');
      await enter({ ...bob, avoid: [ada.userId] }, 'one');
      await under.state.tickets.unfollow('one', [ada.userId], 200);
      await under.advance(199);

      expect(await enter({ ...ada, id: randomUUID() }, 'two')).toMatchObject({
        status: 'waiting',
        ticket: { id: ada.id },
      });

      await under.advance(500);
      expect(await enter(ticket())).toMatchObject({ status: 'paired', partner: { id: ada.id } });
    });

    test('keeps a place that another node follows, until the lease of that node has ended', async () => {
      const ada = ticket();
      await enter(ada, 'one');
      await under.advance(600);
      await enter(ada, 'two');
      await under.state.tickets.unfollow('two', [ada.userId], 200);
      expect((await under.state.tickets.find([ada.userId]))[0]).toMatchObject({ status: 'waiting' });
      await under.advance(400);
      // Its call is no lease of a node.
      await enter(ada);

      await under.state.tickets.unfollow('two', [ada.userId], 200);

      expect(await enter(ticket())).toMatchObject({ status: 'waiting' });
      await under.advance(200);
      expect((await under.state.tickets.find([ada.userId]))[0]).toBeNull();
    });

    test('leaves pairs, and places that end sooner, as they are when a node unfollows', async () => {
      const [ada, bob, carol] = [ticket(), ticket(), ticket({ tags: ['tea'], strict: true })];
      await enter(ada, 'one');
      await enter(bob, 'one');
      await enter(carol, 'one');
      await under.advance(900);
      await under.state.tickets.unfollow('one', [ada.userId, bob.userId, carol.userId], 200);
      expect((await under.state.tickets.find([ada.userId]))[0]).toMatchObject({ status: 'paired', partner: bob });
      await under.advance(100);
      expect((await under.state.tickets.find([carol.userId]))[0]).toBeNull();
    });

    test('puts each of a thousand users who enter at once into at most one pair, and none with themselves', async () => {
      const all = Array.from({ length: 1_000 }, (_, n) => ticket({ tags: [`tag ${n % 7}`] }));

      const entered = await Promise.all(all.flatMap((one) => [enter(one), enter(one)]));

      const partners = new Map<string, Set<string>>();
      for (const one of entered) {
        if (one.status !== 'paired') continue;
        const known = partners.get(one.ticket.userId) ?? new Set();
        partners.set(one.ticket.userId, known.add(one.partner.userId));
      }
      const states = await under.state.tickets.find(all.map(({ userId }) => userId));
      expect(states.filter((state) => state?.status === 'paired').length).toBeGreaterThanOrEqual(990);
      for (const [userId, others] of partners) {
        expect(others.size).toBe(1);
        expect(others.has(userId)).toBe(false);
      }
    });

    test('shows a user as online while any node has a lease, and reports when the last lease expires', async () => {
      const { presence } = under.state;
      expect(await presence.renew('one', ['ada', 'bob'], 1_000)).toEqual({ online: ['ada', 'bob'], offline: [] });
      await under.advance(600);
      expect(await presence.renew('two', ['ada'], 1_000)).toEqual({ online: [], offline: [] });
      expect(await presence.online(['ada', 'bob', 'carol'])).toEqual(new Set(['ada', 'bob']));
      await under.advance(600);

      expect(await presence.online(['ada', 'bob'])).toEqual(new Set(['ada']));
      expect(await presence.renew('two', ['ada'], 1_000)).toEqual({ online: [], offline: ['bob'] });
    });

    test('ends leases of one node, and returns the users who have no other', async () => {
      const { presence } = under.state;
      await presence.renew('one', ['ada'], 1_000);
      await presence.renew('two', ['ada'], 1_000);

      expect(await presence.end('one', ['ada', 'nobody'])).toEqual(['nobody']);
      expect(await presence.end('two', ['ada'])).toEqual(['ada']);
      expect(await presence.online(['ada'])).toEqual(new Set());
    });

    test('returns how long users have been away: for unknown users, since it was first asked', async () => {
      const { presence } = under.state;
      await presence.renew('one', ['ada'], 1_000);
      expect(await presence.away(['ada', 'bob'])).toEqual(
        new Map([
          ['ada', 0],
          ['bob', 1],
        ]),
      );
      await presence.end('one', ['ada']);
      await under.advance(500);

      expect(await presence.away(['ada', 'bob'])).toEqual(
        new Map([
          ['ada', 500],
          ['bob', 500],
        ]),
      );
    });

    test('starts an absence again at a sign of life, which is no connection', async () => {
      const { presence } = under.state;
      expect(await presence.away(['ada'])).toEqual(new Map([['ada', 1]]));
      await under.advance(500);
      await presence.seen('ada');
      expect(await presence.online(['ada'])).toEqual(new Set());
      await under.advance(100);
      expect(await presence.away(['ada'])).toEqual(new Map([['ada', 100]]));

      await presence.renew('one', ['ada'], 1_000);
      await presence.seen('ada');
      expect(await presence.online(['ada'])).toEqual(new Set(['ada']));
    });

    test('grants the points of a window, and returns the time until there are more', async () => {
      const rate = { points: 3, windowMs: 60_000 };
      const taken = await Promise.all(Array.from({ length: 5 }, () => under.state.limits.take('ada', rate)));

      expect(taken.filter((ms) => ms === 0)).toHaveLength(3);
      for (const ms of taken.filter((one) => one > 0)) expect(ms).toBeLessThanOrEqual(60_000);
      expect(await under.state.limits.take('bob', rate)).toBe(0);
    });

    test('takes several points of a limit at once, all or none of them', async () => {
      const rate = { points: 100, windowMs: 60_000 };
      const take = (points: number) => under.state.limits.take('ada', rate, points);

      expect(await take(70)).toBe(0);
      const retryAfterMs = await take(50);
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(60_000);
      expect(await take(30)).toBe(0);
      expect(await take(1)).toBeGreaterThan(0);
    });

    test('keeps persisted queries up to a size, those that were used last', async () => {
      const { persistedQueries } = under.state;
      const found = (hashes: string[]) => Promise.all(hashes.map((hash) => persistedQueries.find(hash)));
      const add = async (hash: string, text: string) => {
        await under.advance(1);
        await persistedQueries.add(hash, text);
      };
      for (const hash of ['one', 'two', 'three']) await add(hash, 'text');
      expect(await found(['one'])).toEqual(['text']);
      await add('three', 'text');
      await add('four', 'é=');
      expect(await found(['one', 'three', 'four', 'nine'])).toEqual(['text', 'text', 'é=', null]);
      await add('large', 'a text that is larger than the bound');
      expect(await found(['large', 'four'])).toEqual([null, 'é=']);
      for (const hash of ['five', 'six', 'seven']) await add(hash, 'text');
      expect(await found(['one', 'two', 'three', 'four'])).toEqual([null, null, null, null]);
      expect(await found(['five', 'six', 'seven'])).toEqual(['text', 'text', 'text']);
    });
  });
}

function ticket(wishes: Partial<Ticket> = {}): Ticket {
  return { id: randomUUID(), userId: randomUUID(), tags: [], strict: false, avoid: [], ...wishes };
}
