import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import type { Origin } from '../../api/domain/origin.ts';
import { securityEvents } from '../../api/domain/security-log.ts';
import type { SignedIn } from '../../api/domain/sessions.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { createLogger, openSecurityLogger } from '../../api/logger.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { openTestDomain } from '../support/domain.ts';
import { createTestLogger } from '../support/logger.ts';
import { eventsOfServer } from '../support/security-events.ts';

const password = 'pass-word-of-the-tests';
const nextPassword = 'next-word-of-the-tests';
const wrongPassword = 'wrong-word-of-the-tests';
const name = 'Name-of-the-tests';
const userAgent = `browser ${'x'.repeat(1_000)}`;

let database: TestDatabase;
let world: Awaited<ReturnType<typeof openTestDomain>>;
const logger = createTestLogger();
const state = createMemoryState();
/** Texts that may not be logged. */
const secrets = new Set([password, nextPassword, wrongPassword, name]);
let origin: Origin;
const written = new Set<string>();

beforeAll(async () => {
  database = await openDatabase();
  const environment = { MAX_SESSIONS_PER_USER: '2' };
  world = await openTestDomain({ ports: { database, state }, environment, logger });
});
beforeEach(() => {
  logger.childLines.length = 0;
  origin = { address: randomUUID(), userAgent, requestId: randomUUID() };
});
afterAll(async () => {
  await world.stop();
  await database.stop();
});

const accounts = () => world.domain.accounts;

function keep(signedIn: SignedIn): SignedIn {
  secrets.add(signedIn.token).add(signedIn.refreshToken);
  return signedIn;
}

const viewerOf = async ({ token }: SignedIn): Promise<Viewer> => ({
  ...(await world.auth.authenticate(token)),
  origin,
});
const guest = async () => keep(await accounts().guest({ name, email: someEmail(), device: 'phone' }, origin));
const register = async (email = someEmail(), viewer: Viewer | null = null) =>
  keep(await accounts().register(viewer, { email, password, name, device: null }, origin));
const login = async (email: string, given = password) =>
  keep(await accounts().login({ email, password: given, device: null }, origin));

function someEmail(): string {
  const email = `${randomUUID()}@example.org`;
  secrets.add(email);
  return email;
}

/** Returns the token of the mail in the log of a server without SMTP. */
function tokenOf(lines: readonly unknown[]): string {
  const [, token] = /reset-password\/([\w-]+)/.exec(JSON.stringify(lines)) ?? [];
  if (token === undefined) throw new Error('no mail was logged');
  return token;
}

/** Forgets the lines so far, does some work that may fail, and returns the lines that it wrote. */
async function linesOf(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  logger.childLines.length = 0;
  await work().catch(() => {});
  const lines = [...logger.childLines];
  const text = JSON.stringify(lines);
  for (const secret of secrets) expect(text).not.toContain(secret);
  for (const line of lines) {
    expect(line).toMatchObject({ log: 'security', address: origin.address, requestId: origin.requestId });
    expect(line['userAgent']).toBe(userAgent.slice(0, 200));
    written.add(String(line['event']));
  }
  return lines;
}

const eventsOf = async (work: () => Promise<unknown>) => (await linesOf(work)).map(({ event }) => event);

describe('the security log', () => {
  it('has one line for a new user and one for the sign-in', async () => {
    expect(await eventsOf(guest)).toEqual(['user_created', 'authn_login_success']);
    const lines = await linesOf(() => register());
    expect(lines).toMatchObject([
      { event: 'user_created', userId: expect.any(String), isGuest: false },
      { event: 'authn_login_success', userId: lines[0]?.['userId'], sessionId: expect.any(String), isGuest: false },
    ]);
  });

  it('has the change of a guest into a user, with the names of the fields only', async () => {
    const viewer = await viewerOf(await guest());
    expect(await linesOf(() => register(someEmail(), viewer))).toMatchObject([
      { event: 'user_updated', userId: viewer.userId, changed: ['email', 'name', 'password'] },
    ]);
  });

  it('has failed sign-ins, with a digest of the address that is the same for each attempt', async () => {
    const email = someEmail();
    const { userId } = await register(email);
    const [wrong] = await linesOf(() => login(email, wrongPassword));
    expect(wrong).toMatchObject({ event: 'authn_login_fail', userId });
    const [again] = await linesOf(() => login(email.toUpperCase(), wrongPassword));
    expect(again?.['emailDigest']).toBe(wrong?.['emailDigest']);

    const [unknown] = await linesOf(() => login(someEmail()));
    expect(unknown).toMatchObject({ event: 'authn_login_fail', emailDigest: expect.any(String), userId: undefined });
    expect(unknown?.['emailDigest']).not.toBe(wrong?.['emailDigest']);
    expect(await eventsOf(() => register(email))).toEqual(['user_create_fail']);
  });

  it('has the reuse of a refresh token, by refreshing as by registering, also by another user', async () => {
    const stranger = await viewerOf(await guest());
    for (const misuse of [
      (token: string) => accounts().refresh(token, origin),
      async (refreshToken: string, viewer: Viewer) =>
        accounts().register(viewer, { email: someEmail(), password, name, device: null, refreshToken }, origin),
      async (refreshToken: string) =>
        accounts().register(stranger, { email: someEmail(), password, name, device: null, refreshToken }, origin),
    ]) {
      const first = await guest();
      const viewer = await viewerOf(first);
      const second = keep(await accounts().refresh(first.refreshToken, origin));
      keep(await accounts().refresh(second.refreshToken, origin));
      expect(await linesOf(() => misuse(first.refreshToken, viewer))).toMatchObject([
        { event: 'authn_token_reuse', userId: viewer.userId, sessionId: viewer.sessionId },
      ]);
    }
  });

  it('has every end of a session, with its cause', async () => {
    const email = someEmail();
    const first = await viewerOf(await register(email));
    const second = await viewerOf(await login(email));
    const surplus = (await linesOf(() => login(email))).find(({ event }) => event === 'session_revoked');
    expect(surplus).toMatchObject({ reason: 'too many sessions', sessionIds: [expect.any(String)] });

    expect([[first.sessionId], [second.sessionId]]).toContainEqual(surplus?.['sessionIds']);

    const other = await viewerOf(await login(email));
    expect(await linesOf(() => accounts().logout(other))).toMatchObject([
      { event: 'session_revoked', reason: 'logout', sessionIds: [other.sessionId], userId: other.userId },
    ]);
    expect(await linesOf(() => accounts().logout(other))).toEqual([]);
    const last = await viewerOf(await login(email));
    const [, mine] = await accounts().sessions(last);
    expect(await linesOf(() => accounts().revokeSession(last, mine?.id ?? ''))).toMatchObject([
      { event: 'session_revoked', reason: 'revoked by the user', sessionIds: [mine?.id] },
    ]);
  });

  it('has changes of names and passwords, and wrong passwords', async () => {
    const email = someEmail();
    const viewer = await viewerOf(await register(email));
    expect(await linesOf(() => accounts().updateProfile(viewer, { name: 'New name', avatarId: null }))).toMatchObject([
      { event: 'user_updated', userId: viewer.userId, changed: ['name'] },
    ]);
    const change = async (current: string) => keep(await accounts().changePassword(viewer, current, nextPassword));
    expect(await eventsOf(() => change(wrongPassword))).toEqual(['authn_password_change_fail']);
    await login(email);
    expect(await eventsOf(() => change(password))).toEqual(['session_revoked', 'authn_password_change']);
  });

  it('has requests for a new password by a digest of the address, and uses of links', async () => {
    const email = someEmail();
    await register(email);
    logger.lines.length = 0;
    expect(await linesOf(() => accounts().requestPasswordReset(email, origin))).toMatchObject([
      { event: 'authn_password_reset_request', emailDigest: expect.any(String) },
    ]);
    const token = await vi.waitFor(() => tokenOf(logger.lines));
    secrets.add(token);
    const reset = async () => keep(await accounts().resetPassword(token, nextPassword, origin));
    expect(await eventsOf(reset)).toEqual(['authn_login_success', 'session_revoked', 'authn_password_reset']);
    expect(await eventsOf(reset)).toEqual(['authn_password_reset_fail']);
  });

  it('has deleted accounts, and wrong passwords for it', async () => {
    const viewer = await viewerOf(await register());
    const erase = (given: string) => accounts().deleteAccount(viewer, given);
    expect(await linesOf(() => erase(wrongPassword))).toMatchObject([{ event: 'user_delete_fail' }]);
    expect(await linesOf(() => erase(password))).toMatchObject([
      { event: 'session_revoked', reason: 'account deleted' },
      { event: 'user_deleted', userId: viewer.userId, isGuest: false },
    ]);
  });

  it('has refusals by a rate limit once a minute for each action and network', async () => {
    const input = { name, email: null, device: null };
    for (const _ of Array(120)) await guest();
    const refused = await linesOf(() => accounts().guest(input, origin));
    expect(refused).toMatchObject([{ event: 'excess_rate_limit_exceeded', action: 'guest' }]);
    expect(await linesOf(() => accounts().guest(input, origin))).toEqual([]);
    expect(await linesOf(() => register())).toMatchObject([
      { event: 'excess_rate_limit_exceeded', action: 'register' },
    ]);

    const email = someEmail();
    for (const _ of Array(10)) await login(email, wrongPassword).catch(() => {});
    expect(await linesOf(() => login(email))).toMatchObject([{ action: 'login' }]);
  });

  it('has refusals of refreshes and of password changes', async () => {
    const viewer = await viewerOf(await register());
    const change = () => accounts().changePassword(viewer, wrongPassword, nextPassword);
    for (const _ of Array(10)) await change().catch(() => {});
    expect(await linesOf(change)).toMatchObject([{ event: 'excess_rate_limit_exceeded', action: 'changePassword' }]);

    let { refreshToken } = await guest();
    for (const _ of Array(20)) ({ refreshToken } = keep(await accounts().refresh(refreshToken, origin)));
    expect(await linesOf(() => accounts().refresh(refreshToken, origin))).toMatchObject([{ action: 'refresh' }]);
  });

  it('has the stream tickets that were created, and refusals', async () => {
    const viewer = await viewerOf(await guest());
    const create = async () => void secrets.add((await world.domain.streamTickets.create(viewer)).ticket);
    expect(await linesOf(create)).toMatchObject([{ event: 'authn_token_created', sessionId: viewer.sessionId }]);
    for (const _ of Array(59)) await create();
    expect(await linesOf(create)).toMatchObject([{ action: 'createStreamTicket' }]);
  });

  it('has blocks and their ends', async () => {
    const [viewer, other] = [await viewerOf(await guest()), await viewerOf(await guest())];
    const facts = { userId: viewer.userId, targetId: other.userId };
    const { moderation } = world.domain;
    expect(await linesOf(() => moderation.block(viewer, other.userId))).toMatchObject([
      { event: 'user_blocked', ...facts },
    ]);
    expect(await linesOf(() => moderation.unblock(viewer, other.userId))).toMatchObject([
      { event: 'user_unblocked', ...facts },
    ]);
  });

  it('has each of its events in one of the tests above, except those that need the whole server', () => {
    expect([...written, ...eventsOfServer].sort()).toEqual([...securityEvents].sort());
  });
});

describe('the logger of the security log', () => {
  it('writes to standard output, apart from the level of the other logs', () => {
    let output = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        output += String(chunk);
        done();
      },
    });
    const { logger: opened } = openSecurityLogger('stdout', createLogger('error', stream));
    opened.info({ event: 'user_blocked' }, 'security event');
    expect(JSON.parse(output)).toMatchObject({ log: 'security', event: 'user_blocked', time: expect.any(Number) });
  });

  it('appends to a file, which it creates', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'parley-security-'));
    const path = join(directory, 'security.log');
    for (const event of ['user_blocked', 'user_unblocked']) {
      const { logger: opened, stop } = openSecurityLogger(path, createLogger('error'));
      opened.info({ event }, 'security event');
      stop();
    }
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { log: 'security', event: 'user_blocked' },
      { log: 'security', event: 'user_unblocked' },
    ]);
    await rm(directory, { recursive: true });
  });
});
