import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAudit } from '../../api/domain/audit.ts';
import type { Viewer } from '../../api/domain/auth.ts';
import { createModerationCleanup } from '../../api/domain/cleanup/moderation.ts';
import { createModeratorCommands } from '../../api/domain/moderator-commands.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { noSecurityLog } from '../../api/domain/security-log.ts';
import { createServiceModerators } from '../../api/domain/service-moderators.ts';
import { createSuspensions, type Suspensions } from '../../api/domain/suspensions.ts';
import { RateLimitedError, SuspendedError, UnavailableError } from '../../api/errors.ts';
import { type AccountsWorld, createAccountsWorld, password, someOrigin } from '../support/accounts.ts';
import { completeRound } from '../support/cleanup.ts';
import { databaseKinds } from '../support/database.ts';

const dayMs = 86_400_000;

describe.each(databaseKinds)('suspensions over %s', (kind) => {
  let world: AccountsWorld;
  let suspensions: Suspensions;
  let moderator: Viewer;
  let moderatorEmail: string;
  const withdrawn: string[] = [];

  beforeAll(async () => {
    world = await createAccountsWorld(kind);
    const { database, auth, logger } = world;
    const audit = createAudit(database);
    suspensions = createSuspensions({
      database,
      auth,
      audit,
      moderators: createServiceModerators(database),
      async withdraw(userId) {
        withdrawn.push(userId);
        throw new UnavailableError('the queue is away');
      },
      rateLimits: noRateLimits,
      securityLog: noSecurityLog,
      logger,
    });
    ({ viewer: moderator, email: moderatorEmail } = await world.registered('Mod'));
    await createModeratorCommands({ database, audit }).appoint(moderatorEmail, true);
  });
  afterAll(() => world?.stop());
  beforeEach(() => world.forgetRates());

  const suspend = (userId: string, until: Date | null = null) =>
    suspensions.suspend(moderator, userId, { until, reason: ' spam ' });
  const acts = (limit: number) =>
    world.database.query('SELECT act, user_id AS user, reason FROM audit ORDER BY at DESC, id LIMIT $1', [limit]);

  it('end by themselves', async () => {
    const user = await world.user({ passwordHash: 'x' });
    const until = new Date(Date.now() + dayMs);
    await suspend(user.id, until);
    world.clock.now = until.getTime() - 1;
    await expect(world.sessions.begin(user, 'phone')).rejects.toThrow(SuspendedError);
    world.clock.now = until.getTime();
    expect((await world.sessions.begin(user, 'phone')).userId).toBe(user.id);
  });

  it('leave no session to a sign-in at the same time', async () => {
    for (let n = 0; n < 10; n++) {
      const user = await world.user({ passwordHash: 'x' });
      await Promise.allSettled([
        world.sessions.begin(user, 'phone'),
        suspend(user.id),
        world.sessions.begin(user, 'tab'),
      ]);
      const [found] = await world.database.query<{ open: number }>(
        'SELECT count(*)::int AS open FROM session WHERE user_id = $1 AND revoked_at IS NULL',
        [user.id],
      );
      expect(found?.open).toBe(0);
    }
  });

  it('are in the audit trail, also while the queue is away, and a repeated end is not', async () => {
    const user = await world.user({ passwordHash: 'x' });
    await suspend(user.id);
    expect(withdrawn).toContain(user.id);
    for (let n = 0; n < 2; n++) await suspensions.reinstate(moderator, user.id);
    expect(await acts(2)).toEqual([
      { act: 'USER_REINSTATED', user: user.id, reason: null },
      { act: 'USER_SUSPENDED', user: user.id, reason: 'spam' },
    ]);
    const text = await createModeratorCommands({
      database: world.database,
      audit: createAudit(world.database),
    }).acts(2);
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toContain(`USER_SUSPENDED  by Mod (${moderator.userId}), of Somebody (${user.id}): "spam"`);
  });

  it('of several guests of a network slow down its next guests, and lock nobody else out', async () => {
    const { accounts } = world;
    const origin = someOrigin();
    const { email } = await world.registered('Neighbour');
    const enter = (from = origin) => accounts.guest({ name: 'Guest', email: null, device: null }, from);
    const guests = await Promise.all([enter(), enter(), enter()]);
    for (const { userId } of guests.slice(0, 2)) await suspend(userId);
    for (let n = 0; n < 6; n++) await enter();
    const last = guests[2]?.userId ?? '';
    await suspend(last);

    for (let n = 0; n < 5; n++) await enter();
    await expect(enter()).rejects.toThrow(RateLimitedError);
    expect((await enter(someOrigin())).userId).toBeTruthy();
    expect((await accounts.login({ email, password, device: null }, origin)).userId).toBeTruthy();
    const newcomer = { email: `${last}@example.org`, password, name: 'New', device: null };
    const { refreshToken } = await accounts.register(null, newcomer, origin);
    expect((await accounts.refresh(refreshToken, origin)).userId).toBeTruthy();

    await suspensions.reinstate(moderator, last);
    expect((await enter()).userId).toBeTruthy();
  });

  it('leave places for a week, and acts for the time that the operator sets', async () => {
    const { database } = world;
    const [places] = await database.query<{ all: number }>('SELECT count(*)::int AS all FROM suspended_place');
    const [written] = await database.query<{ all: number }>('SELECT count(*)::int AS all FROM audit');
    const roundAt = async (days: number) => {
      const jobs = createModerationCleanup({ database, auditMs: 20 * dayMs, now: () => Date.now() + days * dayMs });
      const removed = await Promise.all(jobs.map((job) => completeRound(job)));
      return Object.assign({}, ...removed) as Record<string, number>;
    };
    expect(places?.all).toBeGreaterThan(0);
    expect(await roundAt(6)).toEqual({ report: 0, audit: 0, suspended_place: 0 });
    expect(await roundAt(8)).toEqual({ report: 0, audit: 0, suspended_place: places?.all });
    expect(await roundAt(21)).toEqual({ report: 0, audit: written?.all, suspended_place: 0 });
  });
});
