import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Auth, Viewer } from '../../api/domain/auth.ts';
import type { SignedIn } from '../../api/domain/sessions.ts';
import { UnauthenticatedError } from '../../api/errors.ts';
import { DatabaseUnavailableError, type Query } from '../../api/infra/database/database.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import type { PrismaClient, User } from '../../prisma/generated/client.ts';
import {
  type AccountsWorld,
  createAccountsWorld,
  forge,
  isRefused,
  secret,
  ttlSeconds,
  verifyMs,
} from '../support/accounts.ts';

const cacheMs = 5_000;

let world: AccountsWorld;
let auth: Auth;
let user: User;
let signedIn: SignedIn;
let viewer: Viewer;

beforeAll(async () => {
  world = await createAccountsWorld();
});
beforeEach(async () => {
  world.network.fate = 'deliver';
  world.logger.lines.length = 0;
  world.clock.now = Date.now();
  ({ auth } = world);
  user = await world.user({ name: 'Ada' });
  signedIn = await world.sessions.begin(user, 'phone');
  viewer = await auth.authenticate(signedIn.token);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
afterAll(() => world.stop());

describe('a token', () => {
  it('authenticates its user and session until it expires', async () => {
    expect(viewer).toEqual({
      userId: user.id,
      sessionId: expect.any(String),
      name: 'Ada',
      createdAt: user.createdAt.toISOString(),
      expiresAt: signedIn.expiresAt.getTime(),
    });
    const lasts = signedIn.expiresAt.getTime() - Date.now();
    expect(lasts).toBeGreaterThan((ttlSeconds - 60) * 1_000);
    expect(lasts).toBeLessThanOrEqual(ttlSeconds * 1_000);
  });

  it('is accepted if a test forges it correctly, so that each forgery below is refused for its one fault', async () => {
    expect(await auth.authenticate(await forge(claims()))).toMatchObject({ userId: user.id });
  });

  it('signed with another key is refused', async () => {
    await expectInvalid(forge(claims(), { key: `${secret}!` }));
  });

  it('signed with another algorithm is refused, even with the same key', async () => {
    await expectInvalid(forge(claims(), { algorithm: 'HS512' }));
  });

  it.each(['none', 'None', 'HS256'])('with the algorithm %s and no signature is refused', async (alg) => {
    await expectInvalid(`${encode({ alg })}.${encode(await wholeClaims())}.`);
  });

  it('whose claims were changed is refused', async () => {
    const [header, , signature] = signedIn.token.split('.');
    const claimed = { ...(await wholeClaims()), sub: (await world.user()).id };
    await expectInvalid(`${header}.${encode(claimed)}.${signature}`);
  });

  it('that has expired is refused with a message that says so', async () => {
    const seconds = Math.floor(Date.now() / 1_000);
    const expired = await forge({ ...claims(), exp: seconds - 1 });
    await expect(auth.authenticate(expired)).rejects.toThrow(
      new UnauthenticatedError('The token has expired: refresh it, or sign in again.'),
    );
  });

  it('that has expired and is signed with another key is called invalid, not expired', async () => {
    await expectInvalid(forge({ ...claims(), exp: 1 }, { key: `${secret}!` }));
  });

  it.each([
    ['of another issuer', { iss: 'another' }],
    ['for another audience', { aud: 'another' }],
    ['without an end', { exp: undefined }],
    ['without a session', { sid: undefined }],
    ['without a user', { sub: undefined }],
    ['that begins in the future', { nbf: 9_999_999_999 }],
  ])('%s is refused', async (_, changed) => {
    await expectInvalid(forge({ ...claims(), ...changed }));
  });

  it.each(['', 'token', '..', 'a.b.c', '\0', 'é.é.é', 'x'.repeat(100_000)])(
    'that is malformed is refused (%#)',
    async (text) => {
      await expectInvalid(text);
    },
  );

  it('of a session of another user is refused', async () => {
    const other = await world.user();
    expect(await isRefused(auth, await forge({ ...claims(), sub: other.id }))).toBe(true);
  });

  it('of a session that does not exist is refused', async () => {
    expect(await isRefused(auth, await forge({ ...claims(), sid: randomUUID() }))).toBe(true);
  });

  it('contains nothing about its user but the id', async () => {
    const [, payload = ''] = signedIn.token.split('.');
    const said = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(Object.keys(said).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'sid', 'sub']);
  });
});

describe('a revocation', () => {
  it('reaches every node: watchers are called and tokens are refused', async () => {
    const other = await world.node();
    await other.authenticate(signedIn.token);
    const heard = watchAll([auth, other]);

    await world.sessions.end(viewer, viewer.sessionId);

    expect(heard.map((listener) => listener.mock.calls.length)).toEqual([1, 1]);
    expect(await isRefused(auth, signedIn.token)).toBe(true);
    expect(await isRefused(other, signedIn.token)).toBe(true);
    expect(await other.expiryOf(viewer.sessionId)).toBe(0);
  });

  it('calls a watcher once, however often it is published', async () => {
    world.network.fate = 'double';
    const [listener] = watchAll([auth]);
    await world.sessions.end(viewer, viewer.sessionId);
    await auth.publishRevocation(viewer.userId, [viewer.sessionId]);
    expect(listener).toHaveBeenCalledOnce();
  });

  it('calls every watcher of the session, but none that stopped watching or watches another', async () => {
    const other = await auth.authenticate((await world.sessions.begin(user, 'laptop')).token);
    const listeners = [vi.fn(), vi.fn()];
    for (const listener of listeners) auth.watch(viewer, listener);
    const [onStopped, onOther] = [vi.fn(), vi.fn()];
    const unwatch = auth.watch(viewer, onStopped);
    unwatch();
    unwatch();
    auth.watch(other, onOther);

    await world.sessions.end(viewer, viewer.sessionId);

    for (const listener of listeners) expect(listener).toHaveBeenCalledOnce();
    expect(onStopped).not.toHaveBeenCalled();
    expect(onOther).not.toHaveBeenCalled();
  });

  it('takes effect at once on the node that made it, even if its signal is lost', async () => {
    world.network.fate = 'lose';
    await world.sessions.end(viewer, viewer.sessionId);
    expect(await isRefused(auth, signedIn.token)).toBe(true);
  });

  it('whose signal was lost is found by the next check of the other node', async () => {
    const other = await createTimedNode();
    await other.authenticate(signedIn.token);
    const [listener] = watchAll([other]);
    // The look-up at the beginning of the watch comes first.
    await new Promise(setImmediate);
    await other.expiryOf(viewer.sessionId);
    world.network.fate = 'lose';
    await world.sessions.end(viewer, viewer.sessionId);
    expect(listener).not.toHaveBeenCalled();

    await vi.advanceTimersByTimeAsync(1.25 * verifyMs);
    await vi.waitFor(() => expect(listener).toHaveBeenCalledOnce());
    expect(await isRefused(other, signedIn.token)).toBe(true);
  });

  it('from before the watch began, or by deleting the session, is found by the next check', async () => {
    const other = await createTimedNode();
    const deleted = await other.authenticate((await world.sessions.begin(user, 'laptop')).token);
    const lasting = await other.authenticate((await world.sessions.begin(user, 'tablet')).token);
    await world.sessions.end(viewer, viewer.sessionId);
    const [onRevoked, onDeleted, onLasting] = [vi.fn(), vi.fn(), vi.fn()];
    other.watch(viewer, onRevoked);
    other.watch(deleted, onDeleted);
    other.watch(lasting, onLasting);
    await world.database.prisma.session.delete({ where: { id: deleted.sessionId } });

    await vi.advanceTimersByTimeAsync(1.25 * verifyMs);
    await vi.waitFor(() => expect(onDeleted).toHaveBeenCalledOnce());
    expect(onRevoked).toHaveBeenCalledOnce();
    expect(onLasting).not.toHaveBeenCalled();
  });

  it('is found by the check after one that failed', async () => {
    let failures = 0;
    const query: Query = (sql, parameters) =>
      failures++ === 0
        ? Promise.reject(new DatabaseUnavailableError('it is away'))
        : world.database.query(sql, parameters);
    const other = await createTimedNode({ database: { prisma: world.database.prisma, query } });
    const [listener] = watchAll([other]);
    await vi.waitFor(() => expect(world.logger.lines).toMatchObject([{ level: 'warn' }]));
    world.network.fate = 'lose';
    await world.sessions.end(viewer, viewer.sessionId);
    expect(listener).not.toHaveBeenCalled();

    await vi.advanceTimersByTimeAsync(1.25 * verifyMs);
    await vi.waitFor(() => expect(listener).toHaveBeenCalledOnce());
  });

  it('is looked for in all watched sessions by one statement for each thousand of them', async () => {
    const asked: number[] = [];
    const query: Query = async (_statement, parameters) => {
      asked.push((parameters as { sessionIds: string[] }).sessionIds.length);
      return [];
    };
    const other = await createTimedNode({ database: { prisma: world.database.prisma, query } });
    for (let n = 0; n < 2_500; n++) other.watch({ userId: user.id, sessionId: randomUUID() }, () => {});
    await vi.waitFor(() => expect(asked).toHaveLength(3));
    asked.length = 0;

    await vi.advanceTimersByTimeAsync(1.25 * verifyMs);
    expect(asked).toEqual([1_000, 1_000, 500]);
  });

  it('that was missed is found as soon as pubsub reconnects', async () => {
    const reconnectListeners: (() => void)[] = [];
    const onReconnected: PubSub['onReconnected'] = (listener) => {
      reconnectListeners.push(listener);
      return () => {};
    };
    const other = await world.node({ pubsub: { ...world.pubsub, onReconnected } });
    await other.authenticate(signedIn.token);
    const [listener] = watchAll([other]);
    world.network.fate = 'lose';
    await world.sessions.end(viewer, viewer.sessionId);

    for (const listener of reconnectListeners) listener();
    expect(await isRefused(other, signedIn.token)).toBe(true);
    await vi.waitFor(() => expect(listener).toHaveBeenCalledOnce());
  });

  it('that no signal announced takes effect on tokens within seconds', async () => {
    const other = await world.node();
    await other.authenticate(signedIn.token);
    world.network.fate = 'lose';
    await world.sessions.end(viewer, viewer.sessionId);

    const later = performance.now() + cacheMs + 1;
    vi.spyOn(performance, 'now').mockImplementation(() => later);
    await vi.waitFor(async () => expect(await isRefused(other, signedIn.token)).toBe(true));
  });

  it('that no signal announced reaches watchers once the session is read for another reason', async () => {
    const other = await world.node();
    const [listener] = watchAll([other]);
    world.network.fate = 'lose';
    await world.sessions.end(viewer, viewer.sessionId);
    expect(await other.expiryOf(viewer.sessionId)).toBe(0);
    expect(listener).toHaveBeenCalledOnce();
  });

  it('takes effect even if its signal cannot be published, which is logged', async () => {
    const publish = () => Promise.reject(new Error('signals are away'));
    const other = await world.node({ pubsub: { ...world.pubsub, publish } });
    await other.authenticate(signedIn.token);
    await world.database.prisma.session.update({ where: { id: viewer.sessionId }, data: { revokedAt: new Date() } });

    await other.publishRevocation(viewer.userId, [viewer.sessionId]);

    expect(await isRefused(other, signedIn.token)).toBe(true);
    expect(world.logger.lines).toMatchObject([{ level: 'warn', facts: { error: new Error('signals are away') } }]);
  });

  it('during a query is not hidden by the older state that the query read', async () => {
    const { database, release, wasRead } = createSlowDatabase();
    const other = await world.node({ database });

    watchAll([other]);
    const early = other.authenticate(signedIn.token);
    await wasRead;
    await world.sessions.end(viewer, viewer.sessionId);
    release();
    await early.catch(() => {});
    expect(await isRefused(other, signedIn.token)).toBe(true);
  });
});

describe('a cached session', () => {
  it('is read again once it is forgotten', async () => {
    await world.database.prisma.user.update({ where: { id: user.id }, data: { name: 'Countess' } });
    auth.forget(viewer.sessionId);
    expect((await auth.authenticate(signedIn.token)).name).toBe('Countess');
  });

  it('that does not exist has expired', async () => {
    expect(await auth.expiryOf(randomUUID())).toBe(0);
  });
});

/** Creates a node whose checks run when the test advances the timers. */
async function createTimedNode(options: Parameters<AccountsWorld['node']>[0] = {}): Promise<Auth> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return world.node(options);
}

/** Creates a database that holds its results about sessions back until they are released. */
function createSlowDatabase() {
  let release = () => {};
  let read = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wasRead = new Promise<void>((resolve) => {
    read = resolve;
  });
  const prisma = world.database.prisma.$extends({
    query: {
      session: {
        async findMany({ args, query }) {
          const rows = await query(args);
          read();
          await released;
          return rows;
        },
      },
    },
  });
  return { database: { query: world.database.query, prisma: prisma as unknown as PrismaClient }, release, wasRead };
}

const watchAll = (nodes: readonly Auth[]) =>
  nodes.map((node) => {
    const listener = vi.fn();
    node.watch(viewer, listener);
    return listener;
  });

const claims = () => ({ sub: user.id, sid: viewer.sessionId });

async function wholeClaims(): Promise<object> {
  const [, payload = ''] = (await forge(claims())).split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString());
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function expectInvalid(token: string | Promise<string>): Promise<void> {
  await expect(auth.authenticate(await token)).rejects.toThrow(
    new UnauthenticatedError('The token is not valid: sign in again.'),
  );
}
