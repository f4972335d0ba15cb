import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import type { MatchPreferences } from '../../api/domain/match-preferences.ts';
import type { MatchView } from '../../api/domain/match-view.ts';
import type { Matching } from '../../api/domain/matching.ts';
import { createRateLimits } from '../../api/domain/rate-limits.ts';
import { BadUserInputError, RateLimitedError, UnavailableError } from '../../api/errors.ts';
import { createTestLogger } from '../support/logger.ts';
import { createMatchingWorld, type MatchingWorld } from '../support/matching.ts';

const anyone: MatchPreferences = { tags: [], strict: false };
const times = { leaseMs: 60_000, relaxMs: 5_000 };

let world: MatchingWorld;
let matching: Matching;
let [ada, ben, cleo]: Viewer[] = [];

beforeAll(async () => {
  world = await createMatchingWorld();
});
beforeEach(async () => {
  world.loseState();
  world.faults.length = 0;
  matching = world.gateway();
  [ada, ben, cleo] = await world.users(3);
});
afterAll(() => world.stop());

describe('match', () => {
  it('lets the first user wait, and matches the second with the first in one channel', async () => {
    const waiting = await matching.match(some(ada), anyone);
    expect(waiting).toMatchObject({ status: 'WAITING', channelId: null, partnerId: null });
    expect(waiting.expiresAt?.getTime()).toBe(world.clock.now + times.leaseMs);

    const matched = await matching.match(some(ben), anyone);
    const first = await matching.current(some(ada));

    expect(matched).toMatchObject({ status: 'MATCHED', partnerId: some(ada).userId, expiresAt: null });
    expect(first).toMatchObject({ id: waiting.id, status: 'MATCHED', partnerId: some(ben).userId });
    expect(first?.channelId).toBe(matched.channelId);
    const channel = await world.database.prisma.channel.findUnique({ where: { id: matched.channelId ?? '' } });
    expect(channel).toMatchObject({ kind: 'MATCH', visibility: 'PRIVATE', memberCount: 2, closedAt: null });
  });

  it('called again, renews the place and takes the new preferences', async () => {
    const first = await matching.match(some(ada), { tags: ['chess'], strict: true });
    world.clock.now += 1_000;
    const again = await matching.match(some(ada), { tags: ['go'], strict: true });

    expect(again.id).toBe(first.id);
    expect(again.expiresAt?.getTime()).toBe(world.clock.now + times.leaseMs);
    expect(await matching.match(some(ben), { tags: ['chess'], strict: true })).toMatchObject({ status: 'WAITING' });
    expect(await matching.match(some(cleo), { tags: ['go'], strict: true })).toMatchObject({
      partnerId: some(ada).userId,
    });
  });

  it('returns the ongoing match to its users', async () => {
    const match = await pair(ada, ben);
    expect(await matching.match(some(ben), { tags: ['else'], strict: true })).toEqual(match);
  });

  it('compares tags in lower case, trimmed and in their canonical form', async () => {
    await matching.match(some(ada), { tags: ['  Ｃhess '], strict: true });
    expect(await matching.match(some(ben), { tags: ['CHESS'], strict: true })).toMatchObject({ status: 'MATCHED' });
  });

  it('prefers a partner who shares a tag over a partner who came first', async () => {
    await matching.match(some(ada), { tags: ['go'], strict: false });
    await matching.match(some(ben), { tags: ['chess'], strict: false });
    world.clock.now += times.relaxMs;
    expect(await matching.match(some(cleo), { tags: ['chess'], strict: false })).toMatchObject({
      partnerId: some(ben).userId,
    });
  });

  it('accepts any partner after a while, except strict ones', async () => {
    await matching.match(some(ada), { tags: ['go'], strict: true });
    await matching.match(some(ben), { tags: ['chess'], strict: false });
    expect(await matching.match(some(cleo), anyone)).toMatchObject({ status: 'WAITING' });
    world.clock.now += times.relaxMs;
    expect(await matching.match(some(cleo), anyone)).toMatchObject({ partnerId: some(ben).userId });
    expect(await matching.current(some(ada))).toMatchObject({ status: 'WAITING' });
  });

  it('never matches with the last partner again', async () => {
    await pair(ada, ben);
    await matching.unmatch(some(ada));

    await matching.match(some(ada), anyone);
    expect(await matching.match(some(ben), anyone)).toMatchObject({ status: 'WAITING' });
    expect(await matching.match(some(cleo), anyone)).toMatchObject({ partnerId: some(ada).userId });
  });

  it('remembers the partners of the last hour, at most 20, and always the last one', async () => {
    const [met, other] = [some(ada), some(ben)];
    await pair(met, other);
    await matching.unmatch(met);
    await pair(met, cleo);
    await matching.unmatch(met);
    await matching.match(met, anyone);
    expect(await matching.match(other, anyone)).toMatchObject({ status: 'WAITING' });
    await matching.unmatch(met);
    await matching.unmatch(other);

    await world.database.query(`UPDATE match_claim SET claimed_at = claimed_at - interval '1 hour'`, []);
    await insertClaims(other, 1);
    expect(await pair(other, met)).toMatchObject({ partnerId: other.userId });
    await matching.unmatch(met);
    for (const one of [met, other]) await insertClaims(one, 20);
    await pair(met, other);
    await matching.unmatch(met);
    await insertClaims(met, 19);
    await insertClaims(other, 20);
    await matching.match(met, anyone);
    expect(await matching.match(other, anyone)).toMatchObject({ status: 'WAITING' });
  });

  it('refuses strict without a tag, because nobody could be found', async () => {
    const refusal = matching.match(some(ada), { tags: [], strict: true });
    await expect(refusal).rejects.toBeInstanceOf(BadUserInputError);
    await expect(refusal).rejects.toMatchObject({ extensions: { fields: [{ path: 'input.strict' }] } });
    expect(await matching.current(some(ada))).toBeNull();
  });

  it('never pairs two waiting users when either has blocked the other', async () => {
    await matching.match(some(ada), { tags: ['chess'], strict: true });
    await matching.match(some(ben), { tags: ['go'], strict: true });
    await world.database.query('INSERT INTO block VALUES ($1, $2, now())', [some(ben).userId, some(ada).userId]);
    expect(await matching.match(some(ada), anyone)).toMatchObject({ status: 'WAITING' });
    world.clock.now += times.relaxMs;
    expect(await matching.match(some(ben), anyone)).toMatchObject({ status: 'WAITING' });
    expect(await matching.match(some(cleo), anyone)).toMatchObject({ status: 'MATCHED' });
  });

  it('never claims a pair when one blocked the other after both had their places', async () => {
    await matching.match(some(ada), anyone);
    const ticket = ticketOf(ben);
    await world.database.query('INSERT INTO block VALUES ($1, $2, now())', [some(ben).userId, some(ada).userId]);
    await world.state.tickets.enter(ticket, times);
    for (const one of [ben, ada]) expect(await matching.match(some(one), anyone)).toMatchObject({ status: 'WAITING' });
    expect(await matching.match(some(cleo), anyone)).toMatchObject({ status: 'MATCHED' });
  });

  it('never matches with a user whose place has expired', async () => {
    await matching.match(some(ada), anyone);
    world.clock.now += times.leaseMs;
    expect(await matching.match(some(ben), anyone)).toMatchObject({ status: 'WAITING' });
    expect(await matching.current(some(ada))).toBeNull();
  });

  it('names each invalid tag', async () => {
    const tags = ['fine', '   ', 'x'.repeat(31), 'nul\0'];
    const refusal = matching.match(some(ada), { tags, strict: false });
    await expect(refusal).rejects.toBeInstanceOf(BadUserInputError);
    const fields = await refusal.catch((error: BadUserInputError) => error.extensions.fields.map(({ path }) => path));
    expect(fields).toEqual(['input.tags.1', 'input.tags.2', 'input.tags.3']);
  });

  it('accepts at most ten tags, and thirty characters of any script', async () => {
    const tags = Array.from({ length: 10 }, (_, n) => `tag ${n}`);
    await expect(matching.match(some(ada), { tags: ['𝄞'.repeat(30)], strict: false })).resolves.toBeDefined();
    await expect(matching.match(some(ada), { tags, strict: false })).resolves.toBeDefined();
    await expect(matching.match(some(ada), { tags: [...tags, 'more'], strict: false })).rejects.toThrow('input.tags');
  });

  it('refuses a user who calls too often, and says for how long', async () => {
    const limited = world.gateway({
      rateLimits: createRateLimits({ limits: world.state.limits, onRefused() {}, logger: createTestLogger() }),
    });
    for (let n = 0; n < 60; n++) await limited.match(some(ada), anyone);
    const refusal = limited.match(some(ada), anyone);
    await expect(refusal).rejects.toBeInstanceOf(RateLimitedError);
    await expect(refusal).rejects.toMatchObject({ extensions: { retryAfterMs: expect.any(Number) } });
    await expect(limited.match(some(ben), anyone)).resolves.toBeDefined();
  });

  it('fails with UnavailableError while state is away', async () => {
    const away = async () => Promise.reject(new Error('connection refused'));
    const tickets = { enter: away, find: away, leave: away, acknowledge: away, unfollow: away };
    const gateway = world.gateway({ state: { ...world.state, tickets } });
    await expect(gateway.match(some(ada), anyone)).rejects.toBeInstanceOf(UnavailableError);
  });
});

describe('unmatch', () => {
  it('ends a match while state is away, and fails with UnavailableError without a match', async () => {
    const { id } = await pair(ada, ben);
    const away = async () => Promise.reject(new Error('connection refused'));
    const tickets = { enter: away, find: away, leave: away, acknowledge: away, unfollow: away };
    const cut = world.gateway({ state: { ...world.state, tickets } });
    expect(await cut.unmatch(some(ben))).toMatchObject({ id, status: 'ENDED', endReason: 'LEFT' });
    await expect(cut.unmatch(some(ben))).rejects.toBeInstanceOf(UnavailableError);
  });

  it('gives up the place for good', async () => {
    const { id } = await matching.match(some(ada), anyone);
    expect(await matching.unmatch(some(ada))).toMatchObject({ id, status: 'ENDED', endReason: 'LEFT' });
    expect(await matching.current(some(ada))).toBeNull();
    expect(await matching.unmatch(some(ada))).toBeNull();
    expect(await matching.match(some(ben), anyone)).toMatchObject({ status: 'WAITING' });
  });

  it('ends the match for both and closes the channel', async () => {
    const { id, channelId } = await pair(ada, ben);
    const ended = await matching.unmatch(some(ben));

    expect(ended).toMatchObject({ id, status: 'ENDED', endReason: 'LEFT', channelId, partnerId: some(ada).userId });
    expect(await matching.current(some(ada))).toBeNull();
    const channel = await world.database.prisma.channel.findUnique({ where: { id: channelId ?? '' } });
    expect(channel?.closedAt).not.toBeNull();
    const entries = await world.database.prisma.entry.findMany({ where: { channelId: channelId ?? '' } });
    expect(entries).toMatchObject([{ kind: 'LEFT', authorId: some(ben).userId }]);
    const [left] = await world.database.prisma.matchClaim.findMany({ where: { userId: some(ada).userId } });
    expect(left).toMatchObject({ endReason: 'PARTNER_LEFT' });
  });

  it('lets both be matched with other users at once', async () => {
    await pair(ada, ben);
    await matching.unmatch(some(ada));
    await matching.match(some(cleo), anyone);
    expect(await matching.match(some(ben), anyone)).toMatchObject({ partnerId: some(cleo).userId });
  });

  it('leaves a match that its user does not know of yet', async () => {
    const { id } = await matching.match(some(ada), anyone);
    await world.state.tickets.enter(ticketOf(ben), times);

    expect(await matching.unmatch(some(ada))).toMatchObject({ id, status: 'ENDED', endReason: 'LEFT' });
    expect(await matching.current(some(ada))).toBeNull();
    expect(await matching.current(some(ben))).toBeNull();
    expect(await matching.match(some(ada), anyone)).toMatchObject({ status: 'WAITING' });
  });
});

describe('after a crash', () => {
  it('between pairing and claiming, either user completes the match', async () => {
    const { id } = await matching.match(some(ada), anyone);
    await world.state.tickets.enter(ticketOf(ben), times);

    expect(await matching.current(some(ada))).toMatchObject({ id, status: 'MATCHED', partnerId: some(ben).userId });
    expect(await matching.current(some(ben))).toMatchObject({ status: 'MATCHED', partnerId: some(ada).userId });
  });

  it('between pairing and claiming, a pair expires when neither user calls again', async () => {
    await matching.match(some(ada), anyone);
    await world.state.tickets.enter(ticketOf(ben), times);
    world.clock.now += 10_000;
    expect(await matching.match(some(ada), anyone)).toMatchObject({ status: 'WAITING' });
  });

  it.each(['lost', 'unheard'] as const)(
    'the next call of either user opens a channel whose event was %s',
    async (fault) => {
      const { id } = await matching.match(some(ada), anyone);
      world.faults.push(fault);
      await expect(matching.match(some(ben), anyone)).rejects.toBeInstanceOf(UnavailableError);

      const match = await matching.current(some(ada));
      expect(match).toMatchObject({ id, status: 'MATCHED', partnerId: some(ben).userId });
      expect(await matching.match(some(ben), anyone)).toMatchObject({ status: 'MATCHED', channelId: match?.channelId });
      expect(await world.database.prisma.member.count({ where: { channelId: match?.channelId ?? '' } })).toBe(2);
    },
  );

  it('leaving a match that was never opened ends it for both', async () => {
    await matching.match(some(ada), anyone);
    world.faults.push('lost');
    await matching.match(some(ben), anyone).catch(() => {});

    expect(await matching.unmatch(some(ada))).toMatchObject({ status: 'ENDED', endReason: 'LEFT' });
    expect(await matching.current(some(ben))).toBeNull();
  });

  it('of state alone, no user is in two matches', async () => {
    const match = await pair(ada, ben);
    world.loseState();
    await matching.match(some(cleo), anyone);
    expect(await matching.match(some(ben), anyone)).toEqual(match);
    // A late gateway enters a ticket of a user who is matched already.
    await world.state.tickets.enter({ ...ticketOf(ada), tags: ['stray'] }, times);
    const dora = some((await world.users(1))[0]);
    expect(await matching.match(dora, { tags: ['stray'], strict: true })).toMatchObject({ status: 'WAITING' });
    expect(await matching.match(dora, anyone)).toMatchObject({ status: 'MATCHED', partnerId: some(cleo).userId });
  });
});

describe('a match with an absent partner', () => {
  it('goes on while the partner is online or away for a short time', async () => {
    const match = await pair(ada, ben);
    await online(ben);
    world.clock.now += 30_000;
    expect(await matching.current(some(ada))).toEqual({
      ...match,
      id: expect.any(String),
      partnerId: some(ben).userId,
    });
    world.clock.now += 60_000;
    expect(await matching.current(some(ada))).toMatchObject({ status: 'MATCHED' });
  });

  it('ends when the other user calls, and tells both the reason', async () => {
    const { channelId } = await pair(ada, ben);
    await matching.current(some(ada));
    world.clock.now += 60_001;
    expect(await matching.current(some(ada))).toBeNull();

    const claims = await world.database.prisma.matchClaim.findMany({ where: { channelId: channelId ?? '' } });
    const reasons = new Map(claims.map(({ userId, endReason }) => [userId, endReason]));
    expect(reasons.get(some(ada).userId)).toBe('PARTNER_GONE');
    expect(reasons.get(some(ben).userId)).toBe('EXPIRED');
  });

  it('is replaced by another match in the same call', async () => {
    await pair(ada, ben);
    await matching.match(some(ada), anyone);
    world.clock.now += 60_001;
    await matching.match(some(cleo), anyone);
    expect(await matching.match(some(ada), anyone)).toMatchObject({ status: 'MATCHED', partnerId: some(cleo).userId });
  });

  it('goes on while the partner queries or calls, without a connection', async () => {
    await pair(ada, ben);
    await matching.current(some(ada));
    for (const sign of [matching.current, (viewer: Viewer) => matching.match(viewer, anyone)]) {
      world.clock.now += 40_000;
      await sign(some(ben));
      world.clock.now += 40_000;
      expect(await matching.current(some(ada))).toMatchObject({ status: 'MATCHED' });
      await matching.current(some(ben));
    }
  });

  it('counts from the match on, however long a user without a connection has waited', async () => {
    await matching.match(some(ada), anyone);
    world.clock.now += times.leaseMs - 1;
    await pair(ben, ada);
    world.clock.now += times.leaseMs - 1;
    expect(await matching.current(some(ben))).toMatchObject({ status: 'MATCHED' });
  });

  it('gets the full time again when presence lost its data', async () => {
    await pair(ada, ben);
    await matching.current(some(ada));
    world.clock.now += 60_001;
    world.loseState();
    expect(await matching.current(some(ada))).toMatchObject({ status: 'MATCHED' });
  });

  it('goes on while presence is unknown', async () => {
    await pair(ada, ben);
    const presence = { ...world.state.presence, away: () => Promise.reject(new Error('connection refused')) };
    const gateway = world.gateway({ state: { ...world.state, presence } });
    expect(await gateway.current(some(ada))).toMatchObject({ status: 'MATCHED' });
  });
});

describe('byTicket', () => {
  it("finds the viewer's own place, match and ended match, and no other user's", async () => {
    const { id } = await matching.match(some(ada), anyone);
    expect(await matching.byTicket(some(ada), id)).toMatchObject({ id, status: 'WAITING' });
    expect(await matching.byTicket(some(ben), id)).toBeNull();
    await matching.match(some(ben), anyone);
    expect(await matching.byTicket(some(ada), id)).toMatchObject({ id, status: 'MATCHED' });
    expect(await matching.byTicket(some(ben), id)).toBeNull();
    await matching.unmatch(some(ben));
    expect(await matching.byTicket(some(ada), id)).toMatchObject({ id, status: 'ENDED', endReason: 'PARTNER_LEFT' });
  });
});

describe('a thousand callers at once', () => {
  it('are all matched, each with one partner, on any gateway', async () => {
    const crowd = await world.users(1_000);
    const gateways = [world.gateway(), world.gateway()];
    await Promise.all(crowd.map((viewer, n) => some(gateways[n % 2]).match(viewer, anyone)));

    const claims = await world.claims(crowd);
    const partners = new Map(claims.map(({ userId, partnerId }) => [userId, partnerId]));
    expect(claims).toHaveLength(1_000);
    expect(partners.size).toBe(1_000);
    for (const [userId, partnerId] of partners) {
      expect(partnerId).not.toBe(userId);
      expect(partners.get(partnerId)).toBe(userId);
    }
    expect(new Set(claims.map(({ channelId }) => channelId)).size).toBe(500);
  });

  it('who call three times each get one match each, which every response shows', async () => {
    const crowd = await world.users(100);
    const calls = crowd.flatMap((viewer) => [viewer, viewer, viewer]);
    await Promise.all(calls.map((viewer) => matching.match(viewer, anyone)));

    const views = await Promise.all(crowd.map((viewer) => matching.current(viewer)));
    const again = await Promise.all(crowd.map((viewer) => matching.match(viewer, anyone)));
    expect(views.map((view) => view?.status)).toEqual(crowd.map(() => 'MATCHED'));
    expect(again).toEqual(views);
  });
});

async function pair(one: Viewer | undefined, other: Viewer | undefined): Promise<MatchView> {
  await matching.match(some(one), anyone);
  const match = await matching.match(some(other), anyone);
  expect(match.status).toBe('MATCHED');
  return match;
}

/** Adds ended matches of a user with others, newer than those before. */
async function insertClaims({ userId }: Viewer, count: number): Promise<void> {
  await world.database.query(
    `INSERT INTO match_claim (ticket_id, user_id, partner_id, channel_id, claimed_at, ended_at, end_reason)
     SELECT gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), clock_timestamp(), now(), 'LEFT'
     FROM generate_series(1, $2)`,
    [userId, count],
  );
}

async function online(viewer: Viewer | undefined): Promise<void> {
  await world.state.presence.renew('node', [some(viewer).userId], 60_000);
}

function ticketOf(viewer: Viewer | undefined) {
  return { id: randomUUID(), userId: some(viewer).userId, ...anyone, avoid: [] };
}

function some<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the test has no such value');
  return value;
}
