import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CleanupJob, portion } from '../../../api/domain/cleanup/job.ts';
import { createSessionCleanup } from '../../../api/domain/cleanup/session-cleanup.ts';
import type { SignedIn } from '../../../api/domain/sessions.ts';
import { UnauthenticatedError } from '../../../api/errors.ts';
import type { User } from '../../../prisma/generated/client.ts';
import { type AccountsWorld, createAccountsWorld, isRefused, sessionBounds } from '../../support/accounts.ts';
import { completeRound } from '../../support/cleanup.ts';
import { databaseKinds } from '../../support/database.ts';

const { ttlMs } = sessionBounds;
const dayMs = 86_400_000;
/** Longer than a day, so that the two ages differ. */
const longMs = 3 * dayMs;

let world: AccountsWorld;
let [user, guest]: User[] = [];

describe.each(databaseKinds)('the cleanup of sessions over %s', (kind) => {
  beforeAll(async () => {
    world = await createAccountsWorld(kind);
    return () => world.stop();
  });
  beforeEach(async () => {
    await world.database.empty();
    world.clock.now = Date.now();
    [user, guest] = [await world.user({ passwordHash: 'hash' }), await world.user()];
  });

  it('removes sessions that have expired, with their tokens, and keeps those that were used since', async () => {
    const used = await begin();
    await begin();
    await begin(guest);
    world.clock.now += ttlMs;
    const next = await world.sessions.refresh(used.refreshToken);
    world.clock.now += 1;

    expect(await cleanUp({ ttlMs })).toBe(2);

    expect(await count('session')).toBe(1);
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
    expect(await cleanUp()).toBe(1);

    expect([await count('session'), await count('refresh_token')]).toEqual([3, 2]);
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

  it('removes tokens that were used a week ago, and recognises the second use of a younger one', async () => {
    const { refreshToken } = await begin();
    const { refreshToken: second } = await world.sessions.refresh(refreshToken);
    world.clock.now += 4 * dayMs;
    const { refreshToken: newest } = await world.sessions.refresh(second);
    world.clock.now += 4 * dayMs;
    await cleanUp({ ttlMs });

    expect(await count('refresh_token')).toBe(2);
    await expect(world.sessions.refresh(second)).rejects.toThrow(UnauthenticatedError);
    await expect(world.sessions.refresh(newest)).rejects.toThrow(UnauthenticatedError);
  });

  it('removes at most one portion in a step, also of the tokens of one session', async () => {
    const session = await begin();
    await world.database.query(
      `INSERT INTO refresh_token (hash, session_id, created_at)
       SELECT int4send(n), s.id, s.created_at FROM session s, generate_series(1, $1) AS n`,
      [2 * portion],
    );
    await end(session);
    world.clock.now += dayMs + 1;
    const [, , job] = createSessionCleanup({ database: world.database, ttlMs, now: () => world.clock.now });
    const first = await job?.step(null);
    expect(first?.removed).toEqual({ refresh_token: portion });
    expect(await completeRound(job as CleanupJob, first?.next)).toEqual({ refresh_token: portion + 1, session: 0 });
    expect([await count('session'), await count('refresh_token')]).toEqual([1, 0]);
  });
});

/** Completes a round of each job, and returns the number of sessions that were removed. */
async function cleanUp({ ttlMs: lifetimeMs = longMs } = {}): Promise<number> {
  const jobs = createSessionCleanup({ database: world.database, ttlMs: lifetimeMs, now: () => world.clock.now });
  let sessions = 0;
  for (const job of jobs) sessions += (await completeRound(job))['session'] ?? 0;
  return sessions;
}

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
