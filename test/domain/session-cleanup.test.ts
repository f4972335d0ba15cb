import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSessionCleanup } from '../../api/domain/session-cleanup.ts';
import type { SignedIn } from '../../api/domain/sessions.ts';
import { UnauthenticatedError } from '../../api/errors.ts';
import type { User } from '../../prisma/generated/client.ts';
import { type AccountsWorld, createAccountsWorld, isRefused, sessionBounds } from '../support/accounts.ts';
import { databaseKinds } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';

const { ttlMs } = sessionBounds;
const dayMs = 86_400_000;
/** Longer than a day, so that the two ages differ. */
const longMs = 3 * dayMs;

let world: AccountsWorld;
let [user, guest]: User[] = [];
let removed: number[];

describe.each(databaseKinds)('the cleanup of sessions over %s', (kind) => {
  beforeAll(async () => {
    world = await createAccountsWorld(kind);
    return () => world.stop();
  });
  beforeEach(async () => {
    await world.database.empty();
    world.clock.now = Date.now();
    [user, guest] = [await world.user({ passwordHash: 'hash' }), await world.user()];
    removed = [];
  });

  it('removes sessions that have expired, with their tokens, and keeps those that were used since', async () => {
    const used = await begin();
    await begin();
    await begin(guest);
    world.clock.now += ttlMs;
    const next = await world.sessions.refresh(used.refreshToken);
    world.clock.now += 1;

    await cleanUp({ ttlMs });

    expect(await count('session')).toBe(1);
    expect(removed).toEqual([2, 0]);
    expect((await world.sessions.refresh(next.refreshToken)).userId).toBe(user?.id);
  });

  it('removes tokens that were replaced long ago, and keeps the newest of their session', async () => {
    let { refreshToken } = await begin();
    for (const _ of Array(4)) {
      world.clock.now += longMs / 3;
      await cleanUp();
      ({ refreshToken } = await world.sessions.refresh(refreshToken));
    }
    world.clock.now += longMs / 3;
    await cleanUp();
    expect(await count('refresh_token')).toBe(3);
    expect((await world.sessions.refresh(refreshToken)).userId).toBe(user?.id);
  });

  it('removes the tokens of ended sessions after a day, and the sessions only if they are of guests', async () => {
    const ended = [await begin(), await begin(guest)];
    const present = [await begin(), await begin(guest)];
    for (const session of ended) await end(session);
    await cleanUp();
    expect([await count('session'), await count('refresh_token')]).toEqual([4, 4]);

    world.clock.now += dayMs + 1;
    await cleanUp();

    expect([await count('session'), await count('refresh_token')]).toEqual([3, 2]);
    expect(removed).toEqual([0, 0, 0, 1]);
    for (const { refreshToken } of present)
      expect((await world.sessions.refresh(refreshToken)).refreshToken).not.toBe(refreshToken);
  });

  it('refuses the tokens of a session that was removed', async () => {
    const { token, refreshToken } = await begin();
    world.clock.now += longMs + 1;
    await cleanUp();
    expect(await isRefused(await world.node(), token)).toBe(true);
    await expect(world.sessions.refresh(refreshToken)).rejects.toThrow(UnauthenticatedError);
  });

  it('removes all of many rows in batches, also when several runs meet', async () => {
    for (const _ of Array(7)) await world.sessions.refresh((await begin()).refreshToken);
    world.clock.now += longMs + 1;
    const query = vi.spyOn(world.database, 'query');
    await cleanUp({ batchSize: 3 });
    // 14 tokens take five statements, 7 sessions three, and the two other kinds one each.
    expect(query).toHaveBeenCalledTimes(10);
    query.mockRestore();
    expect(removed).toEqual([3, 3, 1, 0]);
    expect([await count('session'), await count('refresh_token')]).toEqual([0, 0]);

    for (const _ of Array(7)) await begin(guest);
    world.clock.now += longMs + 1;
    await Promise.all([cleanUp({ batchSize: 3 }), cleanUp({ batchSize: 3 })]);
    await cleanUp();
    expect([await count('session'), await count('refresh_token')]).toEqual([0, 0]);
  });

  it('runs periodically', async () => {
    await begin();
    const logger = createTestLogger();
    const { database } = world;
    const job = createSessionCleanup({
      database,
      ttlMs: -dayMs,
      onRemoved: (sessions) => removed.push(sessions),
      firstRunMs: 1,
      intervalMs: 1,
      logger,
    });
    job.start();
    await vi.waitFor(() => expect(removed).toContain(1));
    await vi.waitFor(() => expect(removed.length).toBeGreaterThan(4));
    await job.stop();
    expect(logger.lines).toEqual([]);
  });
});

const cleanUp = (options: { ttlMs?: number; batchSize?: number } = {}) =>
  createSessionCleanup({
    database: world.database,
    ttlMs: longMs,
    onRemoved: (sessions) => removed.push(sessions),
    now: () => world.clock.now,
    logger: createTestLogger(),
    ...options,
  }).runOnce();

const begin = (owner = user): Promise<SignedIn> => {
  if (!owner) throw new Error('there is no user');
  return world.sessions.begin(owner, 'phone');
};

async function end({ token }: SignedIn): Promise<void> {
  const viewer = await world.auth.authenticate(token);
  await world.sessions.end(viewer, viewer.sessionId);
}

const count = async (table: 'session' | 'refresh_token') =>
  Number((await world.database.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n);
