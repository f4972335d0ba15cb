import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import type { SignedIn } from '../../api/domain/sessions.ts';
import { NotFoundError, UnauthenticatedError } from '../../api/errors.ts';
import type { User } from '../../prisma/generated/client.ts';
import {
  type AccountsWorld,
  createAccountsWorld,
  isRefused,
  problemsOf,
  sessionBounds,
  ttlSeconds,
} from '../support/accounts.ts';

const graceMs = 10_000;

let world: AccountsWorld;
let user: User;
let first: SignedIn;
let viewer: Viewer;

beforeAll(async () => {
  world = await createAccountsWorld();
});
beforeEach(async () => {
  world.clock.now = Date.now();
  user = await world.user();
  first = await world.sessions.begin(user, 'phone');
  viewer = await world.auth.authenticate(first.token);
});
afterAll(() => world.stop());

const refresh = (refreshToken: string) => world.sessions.refresh(refreshToken);

describe('a refresh', () => {
  it('returns a new token and a new refresh token for the same session', async () => {
    const second = await refresh(first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.userId).toBe(user.id);
    expect(await world.auth.authenticate(second.token)).toMatchObject({ sessionId: viewer.sessionId, userId: user.id });
  });

  it('can be repeated with each new refresh token', async () => {
    let signedIn = first;
    for (const _ of Array(5)) {
      world.clock.now += 600_000;
      signedIn = await refresh(signedIn.refreshToken);
    }
    const [session] = await world.sessions.list(viewer);
    expect(session?.lastUsedAt).toEqual(new Date(world.clock.now));
    expect(session?.createdAt.getTime()).toBeLessThan(world.clock.now);
  });

  it('can be repeated within the grace period, when its response was lost', async () => {
    const lost = await refresh(first.refreshToken);
    world.clock.now += graceMs;
    const second = await refresh(first.refreshToken);
    expect(second.refreshToken).not.toBe(lost.refreshToken);
    expect(await isRefused(world.auth, second.token)).toBe(false);
    expect((await refresh(second.refreshToken)).userId).toBe(user.id);
  });

  it('has a grace period that repeating does not prolong', async () => {
    await refresh(first.refreshToken);
    world.clock.now += graceMs;
    await refresh(first.refreshToken);
    world.clock.now += 1;
    await expectReuse(first.refreshToken);
  });

  it('with a token that was used before the grace period ends the session', async () => {
    const second = await refresh(first.refreshToken);
    world.clock.now += graceMs + 1;
    await expectReuse(first.refreshToken);
    await expect(refresh(second.refreshToken)).rejects.toThrow(UnauthenticatedError);
  });

  it('with a token whose successor was used ends the session, also within the grace period', async () => {
    const second = await refresh(first.refreshToken);
    await refresh(second.refreshToken);
    await expectReuse(first.refreshToken);
  });

  it('with a used token, as the proof of another session, reports the end to the watchers of its session', async () => {
    const stranger = await world.auth.authenticate((await world.sessions.begin(await world.user(), 'laptop')).token);
    const second = await refresh(first.refreshToken);
    await refresh(second.refreshToken);
    const onEnd = vi.fn();
    world.auth.watch(viewer, onEnd);
    await expect(world.sessions.prove(stranger, first.refreshToken)).rejects.toThrow(UnauthenticatedError);
    expect(onEnd).toHaveBeenCalledOnce();
    expect(await isRefused(world.auth, second.token)).toBe(true);
  });

  it('with a token from long ago ends the session', async () => {
    let signedIn = first;
    for (const _ of Array(4)) signedIn = await refresh(signedIn.refreshToken);
    await expectReuse(first.refreshToken);
    await expect(refresh(signedIn.refreshToken)).rejects.toThrow(UnauthenticatedError);
  });

  it('with a second successor, after another one was used, ends the session', async () => {
    const [mine, stolen] = [await refresh(first.refreshToken), await refresh(first.refreshToken)];
    await refresh(mine.refreshToken);
    await expectReuse(stolen.refreshToken);
  });

  it('repeated many times at once returns a successor each time, of which only one can be used', async () => {
    const many = await Promise.all(Array.from({ length: 8 }, () => refresh(first.refreshToken)));
    expect(new Set(many.map(({ refreshToken }) => refreshToken)).size).toBe(8);

    const next = await Promise.allSettled(many.map(({ refreshToken }) => refresh(refreshToken)));
    expect(next.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await world.sessions.list(viewer)).toEqual([]);
  });

  describe('from several tabs at once', () => {
    const from = (address: string) => ({ address, userAgent: '', requestId: '' });
    const refreshFrom = (address: string, token: string) => world.sessions.refresh(token, from(address));

    it('gives each of them tokens that continue, and the old token still ends the session later', async () => {
      const refreshAll = (tokens: string[]) =>
        Promise.all(tokens.map((token, n) => refreshFrom(`2001:db8::${n}`, token)));
      let tabs = await refreshAll(Array(4).fill(first.refreshToken));
      expect(new Set(tabs.map(({ refreshToken }) => refreshToken)).size).toBe(4);
      for (let round = 0; round < 3; round++) {
        world.clock.now += 600_000;
        tabs = await refreshAll(tabs.map(({ refreshToken }) => refreshToken));
        for (const { token } of tabs) expect(await isRefused(world.auth, token)).toBe(false);
      }
      await expect(refreshFrom('2001:db8::1', first.refreshToken)).rejects.toThrow('used before');
      for (const { refreshToken } of tabs) expect(await isRefused(world.auth, refreshToken)).toBe(true);
      expect(await world.sessions.list(viewer)).toEqual([]);
    });

    it('of other networks lets only one of them continue: the others hold a stolen token', async () => {
      const [mine, stolen] = [
        await refreshFrom('192.0.2.1', first.refreshToken),
        await refreshFrom('192.0.2.2', first.refreshToken),
      ];
      await refreshFrom('192.0.2.1', mine.refreshToken);
      await expect(refreshFrom('192.0.2.2', stolen.refreshToken)).rejects.toThrow('used before');
    });

    it.each([
      { name: 'late', order: ['mine', 'stolen', 'stolen'] },
      { name: 'early', order: ['stolen', 'stolen', 'mine'] },
      { name: 'in between', order: ['stolen', 'mine', 'stolen', 'mine'] },
    ] as const)(
      'gives a thief of another network, who repeats it $name, no token that goes unnoticed',
      async ({ order }) => {
        const networks = { mine: '192.0.2.1', stolen: '192.0.2.2' };
        const tokens = { mine: '', stolen: '' };
        for (const who of order) tokens[who] = (await refreshFrom(networks[who], first.refreshToken)).refreshToken;
        world.clock.now += 600_000;
        await refreshFrom(networks.stolen, tokens.stolen);
        await expect(refreshFrom(networks.mine, tokens.mine)).rejects.toThrow('used before');
        expect(await world.sessions.list(viewer)).toEqual([]);
      },
    );

    it('leaves no other token behind when the password changes, also within the grace period', async () => {
      const refreshTwice = async (token: string) => [
        await refreshFrom('192.0.2.1', token),
        await refreshFrom('192.0.2.1', token),
      ];
      const used = await refreshTwice(first.refreshToken);
      const tabs = [...used];
      for (const { refreshToken } of used) tabs.push(...(await refreshTwice(refreshToken)));
      world.clock.now += 1_000;
      const renewed = await world.sessions.renewAlone(viewer, async () => {});
      const late = await Promise.allSettled(tabs.map(({ refreshToken }) => refreshFrom('192.0.2.1', refreshToken)));
      const left = late.flatMap((tab) => (tab.status === 'fulfilled' ? [tab.value.refreshToken] : []));
      await refreshFrom('192.0.2.1', renewed.refreshToken);
      for (const token of left) await expect(refreshFrom('192.0.2.1', token)).rejects.toThrow('used before');
    });

    it('is over for all of them when the password changes', async () => {
      const [mine, other] = [
        await refreshFrom('192.0.2.1', first.refreshToken),
        await refreshFrom('192.0.2.1', first.refreshToken),
      ];
      const renewed = await world.sessions.renewAlone(viewer, async () => {});
      world.clock.now += graceMs + 1;
      expect((await refreshFrom('192.0.2.1', renewed.refreshToken)).userId).toBe(user.id);
      for (const { refreshToken } of [mine, other])
        await expect(refreshFrom('192.0.2.1', refreshToken)).rejects.toThrow(UnauthenticatedError);
    });
  });

  it('with a stolen token ends only its session, and closes its connections', async () => {
    const other = await world.sessions.begin(user, 'laptop');
    const onEnd = vi.fn();
    world.auth.watch(viewer, onEnd);
    const second = await refresh(first.refreshToken);
    await refresh(second.refreshToken);
    await expectReuse(first.refreshToken);

    expect(onEnd).toHaveBeenCalledOnce();
    expect(await isRefused(world.auth, other.token)).toBe(false);
    expect((await refresh(other.refreshToken)).userId).toBe(user.id);
  });

  it('signals no end of the session while tokens are used correctly', async () => {
    const onEnd = vi.fn();
    world.auth.watch(viewer, onEnd);
    await refresh((await refresh(first.refreshToken)).refreshToken);
    expect(onEnd).not.toHaveBeenCalled();
  });

  it('prolongs the access of the session', async () => {
    const before = await world.auth.expiryOf(viewer.sessionId);
    world.clock.now += 60_000;
    await refresh(first.refreshToken);
    expect(await world.auth.expiryOf(viewer.sessionId)).toBe(before + 60_000);
  });

  it.each(['', 'unknown', 'x'.repeat(10_000), 'nul \0'])(
    'with %j, which was never issued, is refused',
    async (token) => {
      await expect(refresh(token)).rejects.toThrow(UnauthenticatedError);
      expect(await world.sessions.list(viewer)).toHaveLength(1);
    },
  );

  it('refuses a token of another kind', async () => {
    await expect(refresh(first.token)).rejects.toThrow(UnauthenticatedError);
    expect(await isRefused(world.auth, first.refreshToken)).toBe(true);
  });

  it('does not bring back a session that was ended', async () => {
    await world.sessions.end(viewer, viewer.sessionId);
    await expect(refresh(first.refreshToken)).rejects.toThrow(UnauthenticatedError);
    expect(await world.sessions.list(viewer)).toEqual([]);
  });
});

describe('a refresh token', () => {
  it('is stored as a hash only', async () => {
    const second = await refresh(first.refreshToken);
    const kept = await world.dump();
    expect(kept).toContain(viewer.sessionId);
    for (const { refreshToken, token } of [first, second]) {
      expect(kept).not.toContain(refreshToken);
      expect(kept).not.toContain(Buffer.from(refreshToken, 'base64url').toString('hex'));
      expect(kept).not.toContain(Buffer.from(refreshToken).toString('hex'));
      expect(kept).not.toContain(token);
    }
  });

  it('is long and unique', async () => {
    const other = await world.sessions.begin(user, 'laptop');
    expect(Buffer.from(first.refreshToken, 'base64url')).toHaveLength(32);
    expect(other.refreshToken).not.toBe(first.refreshToken);
  });
});

describe('a session', () => {
  it('does not begin with a password that was changed meanwhile', async () => {
    await world.database.prisma.user.update({ where: { id: user.id }, data: { passwordHash: 'changed' } });
    await expect(world.sessions.begin(user, 'laptop')).rejects.toThrow(UnauthenticatedError);
    expect(await world.sessions.list(viewer)).toHaveLength(1);
  });

  it('can be refreshed with the tokens of its renewal', async () => {
    const renewed = await world.sessions.renew(viewer);
    expect((await world.auth.authenticate(renewed.token)).sessionId).toBe(viewer.sessionId);
    const next = await refresh(renewed.refreshToken);
    expect(next.userId).toBe(user.id);
    await expectReuse(first.refreshToken);
  });

  it('that is renewed alone ends the others, and closes their connections', async () => {
    const others = [await world.sessions.begin(user, 'laptop'), await world.sessions.begin(user, 'tablet')];
    const stranger = await world.sessions.begin(await world.user(), 'phone');
    const ended: string[] = [];
    for (const { token } of [first, ...others]) {
      world.auth.watch(await world.auth.authenticate(token), () => ended.push(token));
    }

    const renewed = await world.sessions.renewAlone(viewer, async () => {});

    expect(ended.sort()).toEqual(others.map(({ token }) => token).sort());
    for (const { token, refreshToken } of others) {
      expect(await isRefused(world.auth, token)).toBe(true);
      await expect(refresh(refreshToken)).rejects.toThrow(UnauthenticatedError);
    }
    expect(await isRefused(world.auth, stranger.token)).toBe(false);
    expect((await refresh(renewed.refreshToken)).userId).toBe(user.id);
  });

  it('is not renewed, and ends no other, when the work in its transaction fails', async () => {
    const other = await world.sessions.begin(user, 'laptop');
    const work = world.sessions.renewAlone(viewer, () => Promise.reject(new Error('it failed')));
    await expect(work).rejects.toThrow('it failed');
    expect((await refresh(other.refreshToken)).userId).toBe(user.id);
    expect((await refresh(first.refreshToken)).userId).toBe(user.id);
  });
});

describe('a session that is not used', () => {
  it('expires, and its access tokens end before it', async () => {
    world.clock.now += sessionBounds.ttlMs;
    const second = await refresh(first.refreshToken);
    const lastUse = world.clock.now;
    world.clock.now += sessionBounds.ttlMs + 1;

    await expect(refresh(second.refreshToken)).rejects.toThrow(UnauthenticatedError);
    expect(await world.sessions.list(viewer)).toEqual([]);
    expect(await world.auth.expiryOf(viewer.sessionId)).toBe(lastUse + ttlSeconds * 1_000);
    expect(ttlSeconds * 1_000).toBeLessThan(sessionBounds.ttlMs);
  });

  it('cannot prove a sign-in', async () => {
    world.clock.now += sessionBounds.ttlMs + 1;
    await expect(world.sessions.prove(viewer, first.refreshToken)).rejects.toThrow(UnauthenticatedError);
  });
});

describe('the number of sessions of a user', () => {
  it('has a maximum: another sign-in ends the one that was not used for the longest time', async () => {
    const other = await world.sessions.begin(user, 'unused');
    for (const n of Array(sessionBounds.perUser - 2).keys()) await world.sessions.begin(user, `device ${n}`);
    world.clock.now += 1_000;
    const mine = await refresh(first.refreshToken);
    await world.database.query('UPDATE session SET last_used_at = last_used_at - $2::interval WHERE id = $1', [
      (await viewerOf(other)).sessionId,
      '1 minute',
    ]);
    const onEnd = vi.fn();
    world.auth.watch(await viewerOf(other), onEnd);

    const newest = await world.sessions.begin(user, 'newest');

    expect(onEnd).toHaveBeenCalledOnce();
    expect(await isRefused(world.auth, other.token)).toBe(true);
    await expect(refresh(other.refreshToken)).rejects.toThrow(UnauthenticatedError);
    for (const { token } of [mine, newest]) expect(await isRefused(world.auth, token)).toBe(false);
    expect(await world.database.prisma.session.count({ where: { userId: user.id, revokedAt: null } })).toBe(
      sessionBounds.perUser,
    );
  });
});

describe('the list of sessions', () => {
  it('has the present sessions of the viewer, newest first', async () => {
    world.clock.now += 1_000;
    await world.sessions.begin(user, 'laptop');
    world.clock.now += 1_000;
    const ended = await world.auth.authenticate((await world.sessions.begin(user, 'lost')).token);
    await world.sessions.end(viewer, ended.sessionId);
    world.clock.now += 1_000;
    await world.sessions.begin(user, 'tablet');
    await world.sessions.begin(await world.user(), "a stranger's");

    expect((await world.sessions.list(viewer)).map(({ device }) => device)).toEqual(['tablet', 'laptop', 'phone']);
  });

  it('has every session on one of its pages, also those that began at the same moment', async () => {
    for (const n of Array(102).keys()) {
      if (n % 3 === 0) world.clock.now += 1_000;
      await world.sessions.begin(user, `device ${n}`);
    }
    const all = await world.sessions.list(viewer);
    expect(all).toHaveLength(100);

    const paged = [];
    for (let after: string | null = null; ; after = paged.at(-1)?.id ?? null) {
      const page = await world.sessions.list(viewer, { first: 40, after });
      paged.push(...page);
      if (page.length < 40) break;
    }
    expect(paged.slice(0, 100)).toEqual(all);
    expect(new Set(paged.map(({ device }) => device)).size).toBe(103);
    expect(paged.at(-1)?.device).toBe('phone');
  });

  it('continues after a session that was ended meanwhile', async () => {
    for (const device of ['laptop', 'tablet']) {
      world.clock.now += 1_000;
      await world.sessions.begin(user, device);
    }
    const [tablet] = await world.sessions.list(viewer, { first: 1, after: null });
    await world.sessions.end(viewer, tablet?.id ?? '');
    const next = await world.sessions.list(viewer, { first: 1, after: tablet?.id ?? '' });
    expect(next.map(({ device }) => device)).toEqual(['laptop']);
  });

  it('refuses sizes out of bounds, and sessions of others as a beginning', async () => {
    for (const first of [-1, 101])
      expect(await problemsOf(world.sessions.list(viewer, { first, after: null }))).toMatchObject([{ path: 'first' }]);
    const stranger = await viewerOf(await world.sessions.begin(await world.user(), 'phone'));
    await expect(world.sessions.list(viewer, { first: 1, after: stranger.sessionId })).rejects.toThrow(NotFoundError);
  });

  it('finds a session of the viewer, also after its end, but of no other user', async () => {
    await world.sessions.end(viewer, viewer.sessionId);
    expect(await world.sessions.find(viewer, viewer.sessionId)).toMatchObject({
      device: 'phone',
      revokedAt: new Date(world.clock.now),
    });
    const stranger = await viewerOf(await world.sessions.begin(await world.user(), 'phone'));
    expect(await world.sessions.find(viewer, stranger.sessionId)).toBeNull();
  });
});

describe('ending a session', () => {
  it('ends its tokens and closes its connections, but no others', async () => {
    const other = await world.sessions.begin(user, 'laptop');
    const { sessionId } = await viewerOf(other);
    const [onEnd, onOwnEnd] = [vi.fn(), vi.fn()];
    world.auth.watch({ userId: user.id, sessionId }, onEnd);
    world.auth.watch(viewer, onOwnEnd);

    expect(await world.sessions.end(viewer, sessionId)).toMatchObject({ id: sessionId, device: 'laptop' });

    expect(onEnd).toHaveBeenCalledOnce();
    expect(onOwnEnd).not.toHaveBeenCalled();
    expect(await isRefused(world.auth, other.token)).toBe(true);
    expect(await isRefused(world.auth, first.token)).toBe(false);
  });

  it('twice keeps the time of the first end', async () => {
    const { revokedAt } = await world.sessions.end(viewer, viewer.sessionId);
    world.clock.now += 60_000;
    expect((await world.sessions.end(viewer, viewer.sessionId)).revokedAt).toEqual(revokedAt);
  });

  it('is refused for sessions of other users, without telling whether they exist', async () => {
    const stranger = await world.sessions.begin(await world.user(), 'phone');
    const { sessionId, userId } = await viewerOf(stranger);
    const refusals = await Promise.allSettled([
      world.sessions.end(viewer, sessionId),
      world.sessions.end(viewer, userId),
    ]);
    for (const refusal of refusals)
      expect(refusal).toMatchObject({ reason: new NotFoundError("Session not found, or it isn't yours.") });
    expect((await refresh(stranger.refreshToken)).userId).toBe(userId);
  });

  it('ends the present session when signing out', async () => {
    const other = await world.sessions.begin(user, 'laptop');
    await world.accounts.logout(viewer);
    expect(await isRefused(world.auth, first.token)).toBe(true);
    await expect(refresh(first.refreshToken)).rejects.toThrow(UnauthenticatedError);
    expect((await refresh(other.refreshToken)).userId).toBe(user.id);
  });
});

const viewerOf = ({ token }: SignedIn): Promise<Viewer> => world.auth.authenticate(token);

/** Expects that a refresh is refused because its token was used before, and that this ended the session. */
async function expectReuse(refreshToken: string): Promise<void> {
  await expect(refresh(refreshToken)).rejects.toThrow(/was used before/);
  expect(await isRefused(world.auth, first.token)).toBe(true);
  expect(await world.sessions.find(viewer, viewer.sessionId)).toMatchObject({ revokedAt: expect.any(Date) });
}
