import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SqlDatabase } from '../../api/infra/database/database.ts';
import type { Mail, MailPort } from '../../api/infra/mail/mail.ts';
import { createLogger } from '../../api/logger.ts';
import { encodeId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import type { Data, GraphQLResponse } from '../support/client.ts';
import { openSocket, post } from '../support/wire.ts';

const backstage = vi.hoisted(() => ({ database: undefined as SqlDatabase | undefined, log: '' }));

vi.mock(import('../../api/infra/database/pglite.ts'), async (importOriginal) => {
  const original = await importOriginal();
  const createPgliteDatabase: typeof original.createPgliteDatabase = async (options) => {
    backstage.database = await original.createPgliteDatabase(options);
    return backstage.database;
  };
  return { ...original, createPgliteDatabase };
});

vi.mock(import('pino'), async (importOriginal) => {
  const original = await importOriginal();
  const destination = {
    write(line: string) {
      backstage.log += line;
    },
  };
  const pino = ((options: object) => original.pino(options, destination)) as unknown as typeof original.pino;
  return { ...original, pino: Object.assign(pino, { destination: original.pino.destination }) };
});

const session = 'token refreshToken expiresAt user { id name isGuest email }';
const queries = {
  me: '{ me { id name isGuest email isModerator avatarUrl createdAt lastSeenAt } }',
  user: 'query ($id: ID!) { user(id: $id) { id name isGuest email isModerator } }',
  users: `query ($search: String!, $first: Int, $after: String, $last: Int, $before: String) {
    users(search: $search, first: $first, after: $after, last: $last, before: $before) {
      nodes { id name email isModerator } edges { cursor node { name } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`,
  sessions: '{ sessions { id device createdAt lastUsedAt current revokedAt } }',
  node: 'query ($id: ID!) { node(id: $id) { __typename id ... on User { name email } ... on DeviceSession { device } } }',
  channel: 'query ($id: ID!) { channel(id: $id) { id } }',
  register: `mutation ($input: RegisterInput!) { register(input: $input) { ${session} } }`,
  login: `mutation ($input: LoginInput!) { login(input: $input) { ${session} } }`,
  guest: `mutation ($input: GuestInput!) { guest(input: $input) { ${session} } }`,
  refresh: `mutation ($refreshToken: String!) { refresh(refreshToken: $refreshToken) { ${session} } }`,
  logout: 'mutation { logout }',
  revokeSession: 'mutation ($id: ID!) { revokeSession(id: $id) { id device revokedAt } }',
  updateProfile: 'mutation ($input: ProfileInput!) { updateProfile(input: $input) { id name } }',
  changePassword: `mutation ($current: String!, $next: String!) {
    changePassword(current: $current, next: $next) { ${session} }
  }`,
  requestPasswordReset: 'mutation ($email: String!) { requestPasswordReset(email: $email) }',
  resetPassword: `mutation ($token: String!, $password: String!) {
    resetPassword(token: $token, password: $password) { ${session} }
  }`,
};
type Operation = keyof typeof queries;

/** Passwords distinct enough to be found anywhere they must not be. */
const password = 'pass-word-of-the-tests';
const nextPassword = 'next-word-of-the-tests';
const wrongPassword = 'wrong-word-of-the-tests';
const revoked = { code: 4403 };

let app: Awaited<ReturnType<typeof startApp>>;
/** Text of every response so far. */
const responses: { operation: string; text: string }[] = [];
const mails: Mail[] = [];
const mail: MailPort = { send: async (sent) => void mails.push(sent), stop: () => {} };
const addresses: string[] = [];
const tokens: string[] = [];

beforeAll(async () => {
  app = await startApp({ RATE_LIMITS: 'on' }, { ports: { mail } });
});
afterAll(() => app.stop());

describe('register', () => {
  it('returns a session of a user with a password', async () => {
    const email = someAddress();
    const given = { email: ` ${email.toUpperCase()}`, password, name: ' Ada ', device: 'phone' };
    const signedIn = await fieldOf('register', { input: given });
    expect(signedIn).toEqual({
      token: expect.any(String),
      refreshToken: expect.any(String),
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      user: { id: expect.stringMatching(/^u_/), name: 'Ada', isGuest: false, email },
    });
    expect(await fieldOf('me', {}, signedIn.token)).toMatchObject({ id: signedIn.user.id, email, isModerator: false });
  });

  it('turns a guest into a user with the same id, channels, history and session', async () => {
    const guest = await signUpGuest();
    const room = (await execute(`mutation { createRoom(input: { name: "Kept" }) { id } }`, {}, guest.token)).data;
    const sent = `mutation ($id: ID!) { send(input: { channelId: $id, text: "before" }) { message { id } } }`;
    await execute(sent, { id: room.createRoom.id }, guest.token);

    const user = await signUp(guest.token);

    expect(user.user).toMatchObject({ id: guest.user.id, isGuest: false });
    const mine =
      '{ me { channels(first: 9) { nodes { name viewerMembership { role } messages(last: 1) { nodes { text author { id } } } } } } }';
    expect((await execute(mine, {}, user.token)).data.me.channels.nodes).toEqual([
      {
        name: 'Kept',
        viewerMembership: { role: 'OWNER' },
        messages: { nodes: [{ text: 'before', author: { id: guest.user.id } }] },
      },
    ]);
    expect(await fieldOf('sessions', {}, user.token)).toMatchObject([{ device: 'phone', current: true }]);
  });

  it('ignores a stale token', async () => {
    expect((await signUp('stale')).user.isGuest).toBe(false);
  });

  it('rejects invalid input with the path of each field', async () => {
    const { error } = await errorOf('register', { input: { email: 'ada', password: 'short', name: '' } });
    expect(error).toMatchObject({
      path: ['register'],
      extensions: {
        code: 'BAD_USER_INPUT',
        fields: [{ path: 'input.email' }, { path: 'input.password' }, { path: 'input.name' }],
      },
    });
    for (const { message } of error.extensions['fields']) expect(message).toEqual(expect.any(String));
  });

  it('rejects an email address that is taken', async () => {
    const { email } = await signUp();
    const { code } = await errorOf('register', { input: { email: email.toUpperCase(), password, name: 'Eve' } });
    expect(code).toBe('CONFLICT');
  });
});

describe('login', () => {
  it('returns another session of the user', async () => {
    const { email, user, token } = await signUp();
    const laptop = await fieldOf('login', { input: { email, password, device: 'laptop' } });
    expect(laptop.user).toEqual({ ...user, email });
    expect((await fieldOf('sessions', {}, token)).map(({ device }: Data) => device).sort()).toEqual([
      'laptop',
      'phone',
    ]);
  });

  it('ignores a stale token', async () => {
    const { email, user } = await signUp();
    expect((await fieldOf('login', { input: { email, password } }, 'stale')).user.id).toBe(user.id);
  });

  it('rejects an unknown address and a wrong password with the same error', async () => {
    const { email } = await signUp();
    const wrong = await errorOf('login', { input: { email, password: wrongPassword } });
    const unknown = await errorOf('login', { input: { email: someAddress(), password } });
    expect(wrong.code).toBe('UNAUTHENTICATED');
    expect({ ...unknown.error, locations: null }).toEqual({ ...wrong.error, locations: null });
  });

  it('is rejected after too many attempts, with the time of the next one', async () => {
    const { email } = await signUp();
    for (const _ of Array(10)) await errorOf('login', { input: { email, password: wrongPassword } });
    const { error, code } = await errorOf('login', { input: { email, password } });
    expect(code).toBe('RATE_LIMITED');
    expect(error.extensions['retryAfterMs']).toBeGreaterThan(0);
    expect(error.extensions['retryAfterMs']).toBeLessThanOrEqual(60_000);
  });
});

describe('guest', () => {
  it('returns a session of a user without a password', async () => {
    const { token, user } = await signUpGuest();
    expect(user).toMatchObject({ name: 'Guest', isGuest: true, email: null });
    expect(await fieldOf('me', {}, token)).toMatchObject({ id: user.id, isGuest: true, isModerator: false });
  });

  it('ignores a stale token', async () => {
    expect((await fieldOf('guest', { input: { name: 'Guest' } }, 'stale')).user.isGuest).toBe(true);
  });

  it('rejects invalid input', async () => {
    const { error } = await errorOf('guest', { input: { name: 'x'.repeat(51), email: 'nowhere' } });
    expect(error.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      fields: [{ path: 'input.name' }, { path: 'input.email' }],
    });
  });
});

describe('refresh', () => {
  it('returns new tokens of the same session', async () => {
    const { refreshToken, user, token } = await signUp();
    const [before] = await fieldOf('sessions', {}, token);
    const refreshed = await fieldOf('refresh', { refreshToken });
    expect(refreshed.user.id).toBe(user.id);
    expect(refreshed.refreshToken).not.toBe(refreshToken);
    expect(await fieldOf('sessions', {}, refreshed.token)).toMatchObject([{ id: before.id, current: true }]);
  });

  it('rejects an unknown token', async () => {
    expect(await errorOf('refresh', { refreshToken: 'unknown' })).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('rejects a token whose successor was used, and revokes the session with its connections', async () => {
    const { refreshToken, token } = await signUp();
    const socket = await connect(token);
    const second = await fieldOf('refresh', { refreshToken });
    const third = await fieldOf('refresh', { refreshToken: second.refreshToken });
    expect(await errorOf('refresh', { refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await errorOf('me', {}, third.token)).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await socket.closed).toMatchObject(revoked);
  });
});

describe('logout', () => {
  it('revokes the current session with its connections, and no other', async () => {
    const { email, token, refreshToken } = await signUp();
    const other = await fieldOf('login', { input: { email, password } });
    const socket = await connect(token);

    expect(await fieldOf('logout', {}, token)).toBe(true);

    expect(await socket.closed).toMatchObject(revoked);
    expect(await errorOf('logout', {}, token)).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await errorOf('refresh', { refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await fieldOf('sessions', {}, other.token)).toHaveLength(1);
  });
});

describe('revokeSession', () => {
  it('revokes another session of the viewer with its connections', async () => {
    const { email, token } = await signUp();
    const laptop = await fieldOf('login', { input: { email, password, device: 'laptop' } });
    const socket = await connect(laptop.token);
    const { id } = (await fieldOf('sessions', {}, token)).find(({ current }: Data) => !current);

    expect(await fieldOf('revokeSession', { id }, token)).toEqual({
      id,
      device: 'laptop',
      revokedAt: expect.any(String),
    });

    expect(await socket.closed).toMatchObject(revoked);
    expect(await errorOf('sessions', {}, laptop.token)).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await fieldOf('sessions', {}, token)).toMatchObject([{ current: true }]);
  });

  it('does not find sessions of others, nor ids of other types', async () => {
    const { token, user } = await signUp();
    const stranger = await signUp();
    const [{ id }] = await fieldOf('sessions', {}, stranger.token);
    for (const given of [id, user.id, encodeId('DeviceSession', randomUUID()), 'd_', '\0'])
      expect(await errorOf('revokeSession', { id: given }, token)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await fieldOf('sessions', {}, stranger.token)).toHaveLength(1);
  });
});

describe('updateProfile', () => {
  it('returns the user with the new name, and leaves omitted fields unchanged', async () => {
    const { token, user } = await signUp();
    const renamed = { id: user.id, name: 'Countess' };
    expect(await fieldOf('updateProfile', { input: { name: 'Countess' } }, token)).toEqual(renamed);
    expect(await fieldOf('updateProfile', { input: {} }, token)).toEqual(renamed);
    expect(await fieldOf('updateProfile', { input: { name: null } }, token)).toEqual(renamed);
    expect(await fieldOf('me', {}, token)).toMatchObject(renamed);
  });

  it('rejects an invalid name', async () => {
    const { token } = await signUp();
    const { error } = await errorOf('updateProfile', { input: { name: 'A\0da' } }, token);
    expect(error.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.name' }] });
  });
});

describe('changePassword', () => {
  it('renews the current session and revokes all others', async () => {
    const { email, token, user } = await signUp();
    const other = await fieldOf('login', { input: { email, password } });
    const socket = await connect(other.token);

    const renewed = await fieldOf('changePassword', { current: password, next: nextPassword }, token);

    expect(renewed.user.id).toBe(user.id);
    expect(await socket.closed).toMatchObject(revoked);
    expect(await errorOf('me', {}, other.token)).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await fieldOf('sessions', {}, renewed.token)).toMatchObject([{ current: true }]);
    expect(await errorOf('login', { input: { email, password } })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await fieldOf('login', { input: { email, password: nextPassword } })).user.id).toBe(user.id);
  });

  it('rejects a wrong current password and an invalid new one', async () => {
    const { token } = await signUp();
    const wrong = await errorOf('changePassword', { current: wrongPassword, next: nextPassword }, token);
    expect(wrong.error.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'current' }] });
    const short = await errorOf('changePassword', { current: password, next: 'short' }, token);
    expect(short.error.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'next' }] });
  });
});

describe('resetPassword', () => {
  it('takes the token of a mailed link once, closes the sockets of all sessions and signs in', async () => {
    const { email, token } = await signUp();
    const socket = await connect(token);

    expect(await fieldOf('requestPasswordReset', { email: ` ${email.toUpperCase()}` })).toBe(true);
    const link = await vi.waitFor(() => mailedTo(email));
    expect(link.url).toMatch(/^http:\/\/localhost:0\/#\/reset-password\/[\w-]{43}$/);
    const given = { token: link.token, password: nextPassword };
    const signedIn = await fieldOf('resetPassword', given);

    expect(await socket.closed).toMatchObject(revoked);
    expect(signedIn.user).toMatchObject({ email, isGuest: false });
    expect(await fieldOf('me', {}, signedIn.token)).toMatchObject({ email });
    expect(await errorOf('me', {}, token)).toMatchObject({ code: 'UNAUTHENTICATED' });
    const again = await errorOf('resetPassword', given);
    expect(again.error.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'token' }] });
    expect(await errorOf('login', { input: { email, password } })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await fieldOf('login', { input: { email, password: nextPassword } })).user.id).toBe(signedIn.user.id);
  });

  it('is not possible for an address without an account, whose response is the same', async () => {
    const email = someAddress();
    expect(await fieldOf('requestPasswordReset', { email })).toBe(true);
    const { error } = await errorOf('requestPasswordReset', { email: 'nobody' });
    expect(error.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'email' }] });
    expect(() => mailedTo(email)).toThrow('no mail');
  });
});

describe('me', () => {
  it('is the signed-in user, and null without a token', async () => {
    const { token, user, email } = await signUp();
    expect(await fieldOf('me', {}, token)).toEqual({
      ...user,
      email,
      isModerator: false,
      avatarUrl: expect.stringMatching(/^\/avatars\//),
      createdAt: expect.any(String),
      lastSeenAt: null,
    });
    expect(await fieldOf('me')).toBeNull();
  });

  it('has an avatar on this server that cannot run scripts', async () => {
    const { token } = await signUp();
    const { avatarUrl } = await fieldOf('me', {}, token);
    const picture = await fetch(`${app.url}${avatarUrl}`);
    expect(picture.status).toBe(200);
    expect(picture.headers.get('content-type')).toBe('image/svg+xml');
    expect(picture.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await picture.text()).toMatch(/^<svg /);
    expect((await fetch(`${app.url}/avatars/${randomUUID()}`)).status).toBe(404);
  });
});

describe('user', () => {
  it('is found by its id, and null if there is none', async () => {
    const { token } = await signUp();
    const { user } = await signUp();
    expect(await fieldOf('user', { id: user.id }, token)).toMatchObject({ id: user.id, name: 'Ada' });
    for (const id of [encodeId('User', randomUUID()), encodeId('Channel', randomUUID()), 'u_', ''])
      expect(await fieldOf('user', { id }, token)).toBeNull();
  });
});

describe('users', () => {
  it('are found by a prefix of their name, page by page in both directions', async () => {
    const { token } = await signUp();
    const prefix = randomUUID().slice(0, 8);
    for (const end of ['c', 'A', 'b']) await fieldOf('guest', { input: { name: `${prefix} ${end}` } });
    const namesOf = ({ nodes }: Data) => nodes.map(({ name }: Data) => name.at(-1));
    const search = (given: object) => fieldOf('users', { search: prefix.toUpperCase(), ...given }, token);

    const first = await search({ first: 2 });
    expect(namesOf(first)).toEqual(['A', 'b']);
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, endCursor: first.edges[1].cursor });
    const rest = await search({ first: 2, after: first.pageInfo.endCursor });
    expect(namesOf(rest)).toEqual(['c']);
    expect(rest.pageInfo.hasNextPage).toBe(false);
    const last = await search({ last: 1, before: rest.pageInfo.startCursor });
    expect(namesOf(last)).toEqual(['b']);
    expect(last.pageInfo.hasPreviousPage).toBe(true);
    expect(namesOf(await search({}))).toEqual(['A', 'b', 'c']);
  });

  it.each<[string, object, string]>([
    ['more than a page holds', { first: 101 }, 'first'],
    ['a negative size', { last: -1 }, 'last'],
    ['both ends', { first: 1, last: 1 }, 'last'],
    ['an invalid cursor', { after: 'none' }, 'after'],
    ['a cursor that was tampered with', { before: cursorOf(`${'-'.repeat(36)}:Ada`) }, 'before'],
    ['a cursor with a NUL character', { after: cursorOf(`${randomUUID()}:A\0`) }, 'after'],
  ])('cannot be queried with %s', async (_, given, path) => {
    const { token } = await signUpGuest();
    const { error } = await errorOf('users', { search: 'A', ...given }, token);
    expect(error.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] });
  });
});

describe('sessions', () => {
  it('come in pages, each after the last session of the one before', async () => {
    const { email, token } = await signUp();
    for (const device of ['laptop', 'tablet']) await fieldOf('login', { input: { email, password, device } });
    const page = 'query ($first: Int, $after: ID) { sessions(first: $first, after: $after) { id device } }';
    const [newest, second] = (await execute(page, { first: 2 }, token)).data.sessions;
    expect([newest.device, second.device]).toEqual(['tablet', 'laptop']);
    const rest = await execute(page, { first: 2, after: second.id }, token);
    expect(rest.data.sessions).toMatchObject([{ device: 'phone' }]);
    const wrong = await execute(page, { first: 101 }, token);
    expect(wrong.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'first' }] });
  });

  it("are the viewer's, the newest first", async () => {
    const { email, token } = await signUp();
    await fieldOf('login', { input: { email, password, device: 'laptop' } });
    const moment = expect.any(String);
    const common = { id: expect.stringMatching(/^d_/), createdAt: moment, lastUsedAt: moment, revokedAt: null };
    expect(await fieldOf('sessions', {}, token)).toEqual([
      { ...common, device: 'laptop', current: false },
      { ...common, device: 'phone', current: true },
    ]);
  });
});

describe('node', () => {
  it("finds users and the viewer's own sessions, and nothing without a viewer", async () => {
    const { token, user } = await signUp();
    const stranger = await signUp();
    const [own] = await fieldOf('sessions', {}, token);
    const [others] = await fieldOf('sessions', {}, stranger.token);

    expect(await fieldOf('node', { id: user.id }, token)).toMatchObject({ __typename: 'User', id: user.id });
    expect(await fieldOf('node', { id: own.id }, token)).toEqual({
      __typename: 'DeviceSession',
      id: own.id,
      device: 'phone',
    });
    expect(await fieldOf('node', { id: others.id }, token)).toBeNull();
    for (const id of [user.id, own.id]) expect(await fieldOf('node', { id })).toBeNull();
  });
});

describe('without a valid token', () => {
  const needed: [Operation, object][] = [
    ['user', { id: encodeId('User', randomUUID()) }],
    ['users', { search: '' }],
    ['sessions', {}],
    ['logout', {}],
    ['revokeSession', { id: encodeId('DeviceSession', randomUUID()) }],
    ['updateProfile', { input: { name: 'Eve' } }],
    ['changePassword', { current: password, next: nextPassword }],
  ];

  it.each(needed)('%s is rejected', async (operation, variables) => {
    expect(await errorOf(operation, variables)).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await errorOf(operation, variables, 'forged')).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  const optional: [Operation, object][] = [
    ['me', {}],
    ['node', { id: encodeId('User', randomUUID()) }],
    ['channel', { id: encodeId('Channel', randomUUID()) }],
  ];

  it.each(optional)(
    '%s is null without a token, and rejected if it is invalid, so the client refreshes it',
    async (operation, variables) => {
      expect(await fieldOf(operation, variables)).toBeNull();
      expect(await errorOf(operation, variables, 'forged')).toMatchObject({ code: 'UNAUTHENTICATED' });
    },
  );
});

describe('secrets', () => {
  it('do not include the email address and rights of other users, wherever users are returned', async () => {
    const [ada, eve] = [await signUp(), await signUp()];
    const hidden = { email: null, isModerator: null };
    expect(await fieldOf('user', { id: ada.user.id }, eve.token)).toMatchObject(hidden);
    expect(await fieldOf('node', { id: ada.user.id }, eve.token)).toMatchObject({ email: null });
    const { nodes } = await fieldOf('users', { search: 'Ada', first: 100 }, eve.token);
    expect(nodes.length).toBeGreaterThan(1);
    for (const node of nodes) expect(node.email).toBe(node.id === eve.user.id ? eve.email : null);

    const direct = `mutation ($id: ID!) { openDirect(userId: $id) {
      peer { email isModerator } members { nodes { id email isModerator } }
    } }`;
    await execute(direct, { id: eve.user.id }, ada.token);
    const { openDirect } = (await execute(direct, { id: ada.user.id }, eve.token)).data;
    expect(openDirect.peer).toEqual(hidden);
    expect(openDirect.members.nodes).toContainEqual({ id: ada.user.id, ...hidden });
    expect(openDirect.members.nodes).toContainEqual({ id: eve.user.id, email: eve.email, isModerator: false });
  });

  it.each<[string, object]>([
    ['a field is missing', { email: 'ada@example.org', password }],
    ['a field is unknown', { email: 'ada@example.org', password, name: 'Ada', age: 7 }],
    ['a field is of another kind', { email: 'ada@example.org', password: [password], name: { first: password } }],
  ])('are not repeated in the error when %s', async (_, input) => {
    const { errors } = await execute(queries.register, { input });
    expect(errors.length).toBeGreaterThan(0);
    for (const { extensions } of errors)
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: expect.stringMatching(/^input/) }] });
    expectNone(JSON.stringify(errors), [password, 'ada@example.org']);
  });

  it('are neither in the responses nor in the log when the server fails', async () => {
    const { email, token, refreshToken } = await signUp();
    const { token: guestToken } = await signUpGuest();
    const [{ id }] = await fieldOf('sessions', {}, token);
    await fieldOf('requestPasswordReset', { email });
    const link = await vi.waitFor(() => mailedTo(email));
    const input = { email: someAddress(), password, name: 'Ada' };
    const failing: [Operation, object, string?][] = [
      ['register', { input }],
      ['register', { input }, guestToken],
      ['guest', { input: { name: 'Ada', email: someAddress() } }],
      ['login', { input: { email, password } }],
      ['refresh', { refreshToken }],
      ['changePassword', { current: password, next: nextPassword }, token],
      ['resetPassword', { token: link.token, password: nextPassword }],
      ['updateProfile', { input: { name: 'Countess' } }, token],
      ['revokeSession', { id }, token],
      ['logout', {}, token],
    ];

    const failures = await withBrokenTables(async () => {
      const errors = [];
      for (const [operation, ...given] of failing) errors.push((await errorOf(operation, ...given)).error);
      return errors;
    });

    const log = writtenLog();
    for (const { message, extensions } of failures) {
      expect(extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) });
      expect(message).toBe('Unexpected error. Quote the request id when you report it.');
      expect(log).toContain(extensions['requestId']);
    }
    expectNone(log, [password, nextPassword, '$argon2', email, ...addresses, ...tokens]);
  });

  it('were in none of these responses, except for tokens in responses to signing in', () => {
    expect(responses.length).toBeGreaterThan(100);
    const signIns = new Set(['register', 'login', 'guest', 'refresh', 'changePassword', 'resetPassword']);
    for (const { operation, text } of responses) {
      expectNone(text, [password, nextPassword, wrongPassword, '$argon2', 'passwordHash', 'password_hash']);
      if (!signIns.has(operation)) expectNone(text, tokens);
    }
  });
});

/** Executes an operation, and keeps the response for the last test. */
async function execute(query: string, variables: object, token?: string, operation = ''): Promise<GraphQLResponse> {
  const response = await post(app.url, { query, variables }, token === undefined ? {} : { token });
  responses.push({ operation, text: response.text });
  const { data = null, errors = [] } = response.json() as Partial<GraphQLResponse>;
  return { status: response.status, data, errors };
}

/** Returns the value of the only field of an operation; throws for any error. */
async function fieldOf(operation: Operation, variables: object = {}, token?: string): Promise<Data> {
  const { data, errors } = await execute(queries[operation], variables, token, operation);
  if (errors.length > 0) throw new Error(`${operation} ${JSON.stringify(variables)}: ${JSON.stringify(errors)}`);
  const value = data[operation];
  if (value?.refreshToken) tokens.push(value.token, value.refreshToken);
  return value;
}

/** Returns the only error of an operation, whose field is null. */
async function errorOf(operation: Operation, variables: object = {}, token?: string) {
  const { data, errors } = await execute(queries[operation], variables, token, operation);
  const [error, ...more] = errors;
  if (error === undefined || more.length > 0) throw new Error(`${operation}: not one error: ${JSON.stringify(errors)}`);
  expect(data?.[operation] ?? null).toBeNull();
  return { error, code: error.extensions['code'] };
}

/** Returns the link of the mail to an address. */
function mailedTo(address: string): { url: string; token: string } {
  const text = mails.find(({ to }) => to === address)?.text ?? '';
  const [url, token] = /\S+#\/reset-password\/(\S+)/.exec(text) ?? [];
  if (url === undefined || token === undefined) throw new Error('no mail');
  tokens.push(token);
  return { url, token };
}

function someAddress(): string {
  const address = `${randomUUID()}@example.org`;
  addresses.push(address);
  return address;
}

async function signUp(token?: string) {
  const email = someAddress();
  const signedIn = await fieldOf('register', { input: { email, password, name: 'Ada', device: 'phone' } }, token);
  return { ...signedIn, email };
}

const signUpGuest = (): Promise<Data> => fieldOf('guest', { input: { name: 'Guest', device: 'phone' } });

const connect = (token: string) => openSocket(app.url, { authorization: `Bearer ${token}` });

function cursorOf(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Runs some work while no user or session can be written: PostgreSQL's error then quotes the whole row. */
async function withBrokenTables<Result>(work: () => Promise<Result>): Promise<Result> {
  const { database } = backstage;
  if (database === undefined) throw new Error('the app has opened no database');
  const tables = ['users', 'session'];
  for (const table of tables)
    await database.query(`ALTER TABLE ${table} ADD CONSTRAINT broken CHECK (false) NOT VALID`);
  try {
    return await work();
  } finally {
    for (const table of tables) await database.query(`ALTER TABLE ${table} DROP CONSTRAINT broken`);
  }
}

/** Everything that the app has logged, as a server's logger writes it. */
function writtenLog(): string {
  const logger = createLogger('debug');
  for (const { level, facts, message } of app.logger.lines) logger[level](facts, String(message));
  return backstage.log;
}

function expectNone(text: string, secrets: readonly string[]): void {
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
}
