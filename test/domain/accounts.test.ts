import { randomUUID } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Accounts } from '../../api/domain/accounts.ts';
import type { Viewer } from '../../api/domain/auth.ts';
import type { PageRequest } from '../../api/domain/pages.ts';
import { createPasswords } from '../../api/domain/passwords.ts';
import type { SignedIn } from '../../api/domain/sessions.ts';
import type { NameKey } from '../../api/domain/user-search.ts';
import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  RateLimitedError,
  UnauthenticatedError,
} from '../../api/errors.ts';
import { readText } from '../../api/text/text-kinds.ts';
import {
  type AccountsWorld,
  createAccountsWorld,
  isRefused,
  password,
  problemsOf,
  someOrigin,
} from '../support/accounts.ts';

const family = '👨‍👩‍👧‍👦';

let world: AccountsWorld;
let accounts: Accounts;

beforeAll(async () => {
  world = await createAccountsWorld();
  ({ accounts } = world);
});
beforeEach(async () => {
  world.forgetRates();
  world.state.isAway = false;
  world.logger.lines.length = 0;
});
afterAll(() => world.stop());

describe('registering', () => {
  it('creates a user with a password and one session', async () => {
    const email = someEmail();
    const signedIn = await register({ email, name: 'Ada', device: 'phone' });
    const viewer = await viewerOf(signedIn);

    expect(await accounts.byId(signedIn.userId)).toMatchObject({ name: 'Ada', email, isModerator: false });
    expect(viewer).toMatchObject({ userId: signedIn.userId, name: 'Ada' });
    expect(await accounts.sessions(viewer)).toMatchObject([{ id: viewer.sessionId, device: 'phone', revokedAt: null }]);
    expect((await login({ email })).userId).toBe(signedIn.userId);
  });

  it('stores only a slow hash of the password', async () => {
    const { userId } = await register({ password: 'a very special one' });
    expect((await accounts.byId(userId)).passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await world.dump()).not.toContain('a very special one');
  });

  it('stores the name trimmed and in its canonical form, and the address in lower case', async () => {
    const email = someEmail();
    const { userId } = await register({ email: `  ${email.toUpperCase()} `, name: ' Zoe\u0308 \n  Q. ' });
    expect(await accounts.byId(userId)).toMatchObject({ email, name: 'Zo\u00eb Q.' });
  });

  it('as a guest keeps the user, the present session and all other sessions', async () => {
    const { signedIn, viewer } = await guest('Guest');
    const elsewhere = await world.sessions.begin({ id: viewer.userId, passwordHash: null }, 'laptop');
    const before = await accounts.byId(viewer.userId);
    const email = someEmail();

    const registered = await register({ email, name: 'Ada' }, viewer);

    expect(await accounts.byId(viewer.userId)).toEqual({
      ...before,
      nameKey: 'ada',
      email,
      name: 'Ada',
      passwordHash: expect.stringContaining('$argon2id$'),
    });
    expect(await viewerOf(registered)).toMatchObject({
      userId: viewer.userId,
      sessionId: viewer.sessionId,
      name: 'Ada',
    });
    expect(await viewerOf(signedIn)).toMatchObject({ name: 'Ada' });
    expect(await isRefused(world.auth, elsewhere.token)).toBe(false);
    expect(await accounts.sessions(viewer)).toHaveLength(2);
    expect((await accounts.refresh(registered.refreshToken, someOrigin())).userId).toBe(viewer.userId);
    expect((await login({ email })).userId).toBe(viewer.userId);
  });

  it('as a guest with a taken address leaves the guest a guest', async () => {
    const { email } = await world.registered();
    const { viewer } = await guest('Guest');
    await expect(register({ email }, viewer)).rejects.toThrow(ConflictError);
    expect(await accounts.byId(viewer.userId)).toMatchObject({ name: 'Guest', email: null, passwordHash: null });
    expect(await isRefused(world.auth, (await register({}, viewer)).token)).toBe(false);
  });

  describe('as a guest who signed in a while ago', () => {
    const old = async () => {
      const { signedIn, viewer } = await guest();
      const createdAt = new Date(Date.now() - 301_000);
      await world.database.prisma.session.update({ where: { id: viewer.sessionId }, data: { createdAt } });
      return { signedIn, viewer };
    };

    it('is refused without the refresh token, so that a stolen access token does not become an account', async () => {
      const { viewer } = await old();
      await expect(register({}, viewer)).rejects.toThrow(ForbiddenError);
      expect(await accounts.byId(viewer.userId)).toMatchObject({ email: null, passwordHash: null });
    });

    it('is refused with the refresh token of another session', async () => {
      const { viewer } = await old();
      const { refreshToken } = (await guest()).signedIn;
      await expect(register({ refreshToken }, viewer)).rejects.toThrow(ForbiddenError);
      await expect(register({ refreshToken: 'unknown' }, viewer)).rejects.toThrow(UnauthenticatedError);
      expect(await accounts.byId(viewer.userId)).toMatchObject({ passwordHash: null });
    });

    it('is refused with a refresh token that was used before, which ends the session', async () => {
      const { signedIn, viewer } = await old();
      const { refreshToken } = await accounts.refresh(signedIn.refreshToken, someOrigin());
      await accounts.refresh(refreshToken, someOrigin());
      await expect(register({ refreshToken: signedIn.refreshToken }, viewer)).rejects.toThrow(UnauthenticatedError);
      expect(await isRefused(world.auth, signedIn.token)).toBe(true);
    });

    it('succeeds with the refresh token, which is then replaced', async () => {
      const { signedIn, viewer } = await old();
      const registered = await register({ refreshToken: signedIn.refreshToken }, viewer);
      expect(registered.userId).toBe(viewer.userId);
      expect((await accounts.refresh(registered.refreshToken, someOrigin())).userId).toBe(viewer.userId);
    });
  });

  it('while signed in creates another user and leaves the first one unchanged', async () => {
    const { viewer, email } = await world.registered('Ada');
    const other = await register({ name: 'Ben' }, viewer);
    expect(other.userId).not.toBe(viewer.userId);
    expect((await viewerOf(other)).sessionId).not.toBe(viewer.sessionId);
    expect(await accounts.byId(viewer.userId)).toMatchObject({ name: 'Ada', email });
  });

  it('refuses the address of another user with a password, in any spelling', async () => {
    const { email } = await world.registered();
    for (const written of [email, email.toUpperCase(), `  ${email}\n`])
      await expect(register({ email: written })).rejects.toThrow(ConflictError);
    expect(await world.database.prisma.user.count({ where: { email } })).toBe(1);
  });

  it('accepts the address of a guest, which only serves for the picture', async () => {
    const email = someEmail();
    await accounts.guest({ name: 'Guest', email, device: null }, someOrigin());
    const { userId } = await register({ email });
    expect((await login({ email })).userId).toBe(userId);
  });

  it('many times at once with one address creates one user', async () => {
    const email = someEmail();
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => register({ email })));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ConflictError);
    expect(await world.database.prisma.user.count({ where: { email } })).toBe(1);
  });

  it('as two guests at once with one address succeeds for one of them', async () => {
    const email = someEmail();
    const guests = [(await guest()).viewer, (await guest()).viewer];
    const results = await Promise.allSettled(guests.map((viewer) => register({ email }, viewer)));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: expect.any(ConflictError) });
    const hashes = await accounts.byIds(
      guests.map(({ userId }) => userId),
      'reader',
    );
    expect(hashes.filter(({ passwordHash }) => passwordHash !== null)).toHaveLength(1);
  });

  it('reports every problem at once', async () => {
    expect(await problemsOf(register({ email: 'ada', password: 'short', name: ' ' }))).toEqual([
      { path: 'input.email', message: 'must be an e-mail address' },
      { path: 'input.password', message: 'must be at least 8 characters' },
      { path: 'input.name', message: 'must be 1 to 50 characters' },
    ]);
  });
});

describe('a name', () => {
  it('is measured in bytes before it is split into graphemes, which takes time by the square of its length', () => {
    const segment = vi.spyOn(Intl.Segmenter.prototype, 'segment');
    for (const name of ['x'.repeat(801), 'é'.repeat(401), family.repeat(1_000)])
      expect(readText('userName', name, 'name').problems).toEqual([
        { path: 'name', message: 'must be 1 to 50 characters' },
      ]);
    expect(segment).not.toHaveBeenCalled();
    segment.mockRestore();
  });

  it.each([
    ['is empty', ''],
    ['is blank', ' \t\n\u2003 '],
    ['is too long', 'x'.repeat(51)],
    ['has too many characters of several code points', family.repeat(51)],
    ['is short, but endless above and below', `x${'\u0301'.repeat(1_000)}`],
  ])('that %s is refused because of its length', async (_, name) => {
    await expectNameProblem(name, 'must be 1 to 50 characters');
  });

  it.each([
    ['a control character', 'Ada\u0007'],
    ['a NUL character', 'A\0da'],
    ['a character that changes the direction of the text', 'Ada\u202e'],
    ['a character that isolates the text after it', '\u2067Ada'],
  ])('with %s is refused', async (_, name) => {
    await expectNameProblem(name, 'must not contain characters that cannot be shown');
  });

  it('with half of a surrogate pair is refused', async () => {
    await expectNameProblem('Ada \ud83d', expect.stringContaining('half of a surrogate pair'));
  });

  it.each(['x', 'x'.repeat(50), family, 'علياء', 'Łukasz', '名無し', '<b>"\'; DROP TABLE users; --', '%_\\', 'null'])(
    'may be %s',
    async (name) => {
      const { userId } = await register({ name });
      expect((await accounts.byId(userId)).name).toBe(name);
    },
  );
});

describe('an e-mail address', () => {
  it.each([
    '',
    'ada',
    'ada@',
    '@example.org',
    'ada@example',
    'ada@example.',
    'ada@@example.org',
    'ada lovelace@example.org',
    'ada@example.org, ben@example.org',
    '<ada@example.org>',
    'ada\0@example.org',
    'ada\u202e@example.org',
    'ada\ud83d@example.org',
    `${'a'.repeat(65)}@example.org`,
  ])('cannot be %j', async (email) => {
    const problem = { path: 'input.email', message: 'must be an e-mail address' };
    expect(await problemsOf(register({ email }))).toEqual([problem]);
    expect(await problemsOf(accounts.guest({ name: 'Ada', email, device: null }, someOrigin()))).toEqual([problem]);
  });

  it.each(['a@b.c', "o'brien+chat@mail.example.co.uk", 'zoë@exämple.org', `${'a'.repeat(64)}@example.org`])(
    'may be %s',
    async (email) => {
      expect(await accounts.byId((await register({ email })).userId)).toMatchObject({ email });
    },
  );
});

describe('a password', () => {
  it.each([
    ['too short', '1234567', 'must be at least 8 characters'],
    ['too short, although its code units are many', '😀'.repeat(7), 'must be at least 8 characters'],
    ['too long', 'x'.repeat(257), 'must be at most 256 bytes'],
    ['too long in bytes', 'é'.repeat(129), 'must be at most 256 bytes'],
    ['common', '12345678', 'must not be a common password: others would try it'],
    ['common in another case', 'PassWord1', 'must not be a common password: others would try it'],
  ])('is refused when it is %s', async (_, given, message) => {
    expect(await problemsOf(register({ password: given }))).toEqual([{ path: 'input.password', message }]);
    const { viewer } = await world.registered();
    expect(await problemsOf(accounts.changePassword(viewer, password, given))).toEqual([{ path: 'next', message }]);
  });

  it.each([
    ['name', 'Ada Lovelace', 'Ada Lovelace'],
    ['name in another case', 'Ada Lovelace', 'ADA LOVELACE'],
    ['name with digits and punctuation', 'Ada Lovelace', 'ada.lovelace-1815!'],
    ['e-mail address', 'Ada', 'charles.babbage@example.org'],
    ['e-mail address before the at sign', 'Ada', 'Charles.Babbage'],
    ['e-mail address with digits', 'Ada', 'charlesbabbage1791'],
  ])('is refused when it is the own %s', async (_, name, given) => {
    const message = 'must not be your name or e-mail address: others would try it';
    const email = 'charles.babbage@example.org';
    expect(await problemsOf(register({ name, email, password: given }))).toEqual([{ path: 'input.password', message }]);
    const { viewer } = await world.registered();
    await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { name, email } });
    expect(await problemsOf(accounts.changePassword(viewer, password, given))).toEqual([{ path: 'next', message }]);
    await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { email: someEmail() } });
  });

  it('that became too weak still signs in, and has to be replaced by a better one only', async () => {
    const { viewer, email } = await world.registered();
    const weak = await createPasswords().hash('12345678', 'test');
    await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { passwordHash: weak } });
    expect((await login({ email, password: '12345678' })).userId).toBe(viewer.userId);
    await accounts.changePassword(viewer, '12345678', 'battery staple');
    expect((await login({ email, password: 'battery staple' })).userId).toBe(viewer.userId);
  });

  it.each([
    ['composed', 'Tr\u00E8s-s\u00E9cr\u00E8t', 'Tre\u0300s-se\u0301cre\u0300t'],
    ['decomposed', 'Tre\u0300s-se\u0301cre\u0300t', 'Tre\u0300s-se\u0301cre\u0300t'],
    ['in full width', '\uFF50\uFF41\uFF53\uFF53-xyzzy', '\uFF50\uFF41\uFF53\uFF53-xyzzy'],
    ['with a ligature', 'ba\uFB04ing horse', 'ba\uFB04ing horse'],
  ])('that a former release hashed as it was, %s, still signs in and can be changed', async (_, set, typed) => {
    const { viewer, email } = await world.registered();
    const passwordHash = await hash(set, { memoryCost: 1_024, timeCost: 1 });
    await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { passwordHash } });
    expect((await login({ email, password: typed })).userId).toBe(viewer.userId);
    await expect(login({ email, password: `${typed}.` })).rejects.toThrow(UnauthenticatedError);
    await accounts.changePassword(viewer, typed, `new ${typed}`);
    expect((await login({ email, password: `new ${set.normalize('NFC')}` })).userId).toBe(viewer.userId);
  });

  it.each(['123456-7', '        ', '😀'.repeat(8), 'x'.repeat(256), 'nul \0 inside'])(
    'may be %j, and signs in',
    async (given) => {
      const email = someEmail();
      const { userId } = await register({ email, password: given });
      expect((await login({ email, password: given })).userId).toBe(userId);
      await expect(login({ email, password: `${given} ` })).rejects.toThrow(UnauthenticatedError);
    },
  );
});

describe('logging in', () => {
  it.each([
    ['ada@xn--bcher-kva.legacy', 'Ada@XN--bcher-kva.LEGACY'],
    ['ada@xn--bcher-kva.legacy.example', 'ada@bücher.legacy.example'],
    ['ada@[127.0.0.1]', 'Ada@[127.0.0.1]'],
    [`${'a'.repeat(70)}@legacy.example`, `${'A'.repeat(70)}@legacy.example`],
    ['\uFF41da@legacy.example', '\uFF41da@legacy.example'],
  ])('opens the account that a former release stored as %s', async (stored, given) => {
    const { viewer } = await world.registered();
    await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { email: stored } });
    expect((await login({ email: given })).userId).toBe(viewer.userId);
    await expect(register({ email: given })).rejects.toThrow(/taken|must be an e-mail address/);
    await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { email: someEmail() } });
  });

  it('opens each of two accounts whose addresses became equal', async () => {
    const addresses = ['\uFB01@equal.example', 'fi@equal.example'];
    const users = await Promise.all(addresses.map(() => world.registered()));
    for (const [n, { viewer }] of users.entries())
      await world.database.prisma.user.update({ where: { id: viewer.userId }, data: { email: addresses[n] ?? null } });
    for (const [n, { viewer }] of users.entries())
      expect((await login({ email: addresses[n] ?? '' })).userId).toBe(viewer.userId);
  });

  it('begins a session on each device, with the address in any case', async () => {
    const { email, viewer } = await world.registered();
    const laptop = await login({ email: ` ${email.toUpperCase()} `, device: 'laptop' });
    expect(laptop.userId).toBe(viewer.userId);
    const devices = (await accounts.sessions(viewer)).map(({ device }) => device);
    expect(devices.sort()).toEqual(['laptop', 'phone']);
  });

  it('fails with the same message for a wrong address and a wrong password', async () => {
    const { email } = await world.registered();
    const guestEmail = someEmail();
    await accounts.guest({ name: 'Guest', email: guestEmail, device: null }, someOrigin());
    const wrong = new UnauthenticatedError('The e-mail address or the password is wrong.');

    await expect(login({ email, password: 'wrong horse' })).rejects.toThrow(wrong);
    await expect(login({ email, password: '' })).rejects.toThrow(wrong);
    await expect(login({ email, password: password.toUpperCase() })).rejects.toThrow(wrong);
    await expect(login({ email: someEmail() })).rejects.toThrow(wrong);
    await expect(login({ email: guestEmail })).rejects.toThrow(wrong);
    await expect(login({ email: guestEmail, password: '' })).rejects.toThrow(wrong);
    await expect(login({ email: 'no address' })).rejects.toThrow(wrong);
    await expect(login({ email: `\0${email}` })).rejects.toThrow(wrong);
  });

  it('begins no session when it fails', async () => {
    const { email, viewer } = await world.registered();
    await login({ email, password: 'wrong horse' }).catch(() => {});
    expect(await accounts.sessions(viewer)).toHaveLength(1);
  });
});

describe('a guest', () => {
  it('is a user without a password, with a session', async () => {
    const { viewer } = await guest(' Ada  L. ');
    expect(await accounts.byId(viewer.userId)).toMatchObject({ name: 'Ada L.', email: null, passwordHash: null });
    expect(await accounts.sessions(viewer)).toMatchObject([{ id: viewer.sessionId }]);
  });

  it('may give the address of another user, for the picture', async () => {
    const { email } = await world.registered();
    const written = email.toUpperCase();
    const { userId } = await accounts.guest({ name: 'Guest', email: written, device: null }, someOrigin());
    expect(await accounts.byId(userId)).toMatchObject({ email, passwordHash: null });
  });

  it('gets every problem reported at once', async () => {
    expect(await problemsOf(accounts.guest({ name: '', email: '', device: null }, someOrigin()))).toEqual([
      { path: 'input.name', message: 'must be 1 to 50 characters' },
      { path: 'input.email', message: 'must be an e-mail address' },
    ]);
  });
});

describe('a device', () => {
  const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)';
  const webKit = 'AppleWebKit/537.36 (KHTML, like Gecko)';

  it.each([
    ['  my  phone\n', '', 'my phone'],
    ['line\u0007feed', '', 'line feed'],
    ['x'.repeat(200), '', 'x'.repeat(100)],
    ['phone', `${windows} ${webKit} Chrome/143.0.0.0 Safari/537.36`, 'phone'],
    [null, '', 'Unknown device'],
    ['   ', '', 'Unknown device'],
    [null, 'curl/8.5.0', 'curl'],
    [null, `${windows} ${webKit} Chrome/143.0.0.0 Safari/537.36`, 'Chrome on Windows'],
    [null, `${windows} ${webKit} Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0`, 'Edge on Windows'],
    [null, `Mozilla/5.0 (Linux; Android 16; K) ${webKit} Chrome/143.0.0.0 Mobile Safari/537.36`, 'Chrome on Android'],
    [null, 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox on Linux'],
    [
      null,
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webKit} Version/26.0 Safari/605.1.15`,
      'Safari on Mac OS',
    ],
    [
      null,
      `Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) ${webKit} Version/26.0 Mobile/15E148 Safari/604.1`,
      'Safari on iPhone',
    ],
  ])('that calls itself %j, with the user agent %j, is named %j', async (device, userAgent, called) => {
    const signedIn = await accounts.guest({ name: 'Ada', email: null, device }, { ...someOrigin(), userAgent });
    expect(await accounts.sessions(await viewerOf(signedIn))).toMatchObject([{ device: called }]);
  });

  it('is never named by half of a surrogate pair', async () => {
    const device = `${'x'.repeat(99)}😀`;
    const signedIn = await accounts.guest({ name: 'Ada', email: null, device }, someOrigin());
    const [session] = await accounts.sessions(await viewerOf(signedIn));
    expect(device.startsWith(session?.device ?? '?')).toBe(true);
  });
});

describe('a profile', () => {
  it('takes a new name, which the next operation of the viewer sees', async () => {
    const { viewer, signedIn } = await world.registered('Ada');
    expect(await accounts.updateProfile(viewer, { name: '  Countess ', avatarId: null })).toMatchObject({
      name: 'Countess',
    });
    expect((await viewerOf(signedIn)).name).toBe('Countess');
    expect((await accounts.byId(viewer.userId)).name).toBe('Countess');
  });

  it('stays the same when no change is given', async () => {
    const { viewer } = await world.registered('Ada');
    expect(await accounts.updateProfile(viewer, { name: null, avatarId: null })).toMatchObject({ name: 'Ada' });
  });

  it('of other users stays the same', async () => {
    const [ada, ben] = [await world.registered('Ada'), await world.registered('Ben')];
    await accounts.updateProfile(ada.viewer, { name: 'Countess', avatarId: null });
    expect((await accounts.byId(ben.viewer.userId)).name).toBe('Ben');
  });
});

describe('a new password', () => {
  it('replaces the former one for signing in', async () => {
    const { viewer, email } = await world.registered();
    await accounts.changePassword(viewer, password, 'battery staple');
    await expect(login({ email })).rejects.toThrow(UnauthenticatedError);
    expect((await login({ email, password: 'battery staple' })).userId).toBe(viewer.userId);
  });

  it('ends every other session, on every node, and renews the present one', async () => {
    const { viewer, email, signedIn } = await world.registered();
    const others = [await login({ email }), await login({ email })];
    const node = await world.node();
    const [onEnd, onOwnEnd] = [vi.fn(), vi.fn()];
    for (const other of others) node.watch(await node.authenticate(other.token), onEnd);
    node.watch(viewer, onOwnEnd);

    const renewed = await accounts.changePassword(viewer, password, 'battery staple');

    expect(onEnd).toHaveBeenCalledTimes(2);
    expect(onOwnEnd).not.toHaveBeenCalled();
    for (const { token, refreshToken } of others) {
      expect(await isRefused(node, token)).toBe(true);
      await expect(accounts.refresh(refreshToken, someOrigin())).rejects.toThrow(UnauthenticatedError);
    }
    expect((await node.authenticate(renewed.token)).sessionId).toBe(viewer.sessionId);
    expect(renewed.refreshToken).not.toBe(signedIn.refreshToken);
    expect((await accounts.refresh(renewed.refreshToken, someOrigin())).userId).toBe(viewer.userId);
  });

  it('is refused without the present one, and ends no session', async () => {
    const { viewer, email } = await world.registered();
    const other = await login({ email });
    const problem = { path: 'current', message: 'must be your present password' };
    expect(await problemsOf(accounts.changePassword(viewer, 'wrong horse', 'battery staple'))).toEqual([problem]);
    expect(await isRefused(world.auth, other.token)).toBe(false);
    expect((await login({ email })).userId).toBe(viewer.userId);
  });

  it('is refused to a guest, because guests have no password', async () => {
    const { viewer } = await guest();
    const problem = { path: 'current', message: 'must be your present password' };
    expect(await problemsOf(accounts.changePassword(viewer, '', 'battery staple'))).toEqual([problem]);
    expect((await accounts.byId(viewer.userId)).passwordHash).toBeNull();
  });

  it('set on two devices at once is the one from one device, and the other device is signed out', async () => {
    const { viewer, email } = await world.registered();
    const other = await viewerOf(await login({ email }));
    const results = await Promise.allSettled([
      accounts.changePassword(viewer, password, 'battery staple'),
      accounts.changePassword(other, password, 'staple battery'),
    ]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const won = results[0]?.status === 'fulfilled';
    expect((await login({ email, password: won ? 'battery staple' : 'staple battery' })).userId).toBe(viewer.userId);
    expect(await accounts.session(viewer, (won ? other : viewer).sessionId)).toMatchObject({
      revokedAt: expect.any(Date),
    });
  });

  it('leaves no session to a login that uses the former one meanwhile', async () => {
    const { viewer, email } = await world.registered();
    const logins = Array.from({ length: 5 }, () => login({ email }));
    const [, ...results] = await Promise.allSettled([
      accounts.changePassword(viewer, password, 'battery staple'),
      ...logins,
    ]);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(UnauthenticatedError);
      else expect(await isRefused(world.auth, result.value.token)).toBe(true);
    }
    expect(await accounts.sessions(viewer)).toMatchObject([{ id: viewer.sessionId }]);
  });
});

describe('a search for users', () => {
  const page: PageRequest<NameKey> = { limit: 10, backward: false, after: null, before: null };
  const search = async (prefix: string, request: Partial<PageRequest<NameKey>> = {}) => {
    const { items, hasMore } = await accounts.search(viewer, prefix, { ...page, ...request });
    return { names: items.map(({ name }) => name), items, hasMore };
  };
  const namesOf = async (prefix: string) => (await search(prefix)).names;

  let viewer: Viewer;

  beforeEach(async () => {
    await world.database.empty();
    ({ viewer } = await world.registered('Zoe'));
    world.forgetRates();
  });

  it('finds users by the beginning of their name, in any case, in order of name', async () => {
    await users('bob', 'Adam', 'ada', 'ADELE', 'Mad Ada');
    expect(await namesOf('aD')).toEqual(['ada', 'Adam', 'ADELE']);
    expect(await namesOf('ada')).toEqual(['ada', 'Adam']);
    expect(await namesOf('xyz')).toEqual([]);
  });

  it('needs two letters or digits', async () => {
    for (const short of ['', ' ', '\0', 'a', ' a ', 'a_', '%%', '\ud83d'])
      expect(await problemsOf(search(short))).toMatchObject([{ path: 'search' }]);
  });

  it('leaves out users whom the viewer blocked, and users who blocked the viewer', async () => {
    const [blocked, blocker] = [await world.user({ name: 'Adam' }), await world.user({ name: 'Adele' })];
    await users('Ada');
    const rows = [
      { blockerId: viewer.userId, blockedId: blocked.id },
      { blockerId: blocker.id, blockedId: viewer.userId },
    ];
    await world.database.prisma.block.createMany({ data: rows.map((row) => ({ ...row, createdAt: new Date() })) });
    expect(await namesOf('ad')).toEqual(['Ada']);
  });

  it('gives guests the first ten users only, and nobody more than fifty at once', async () => {
    const { viewer: visitor } = await guest('Gus');
    await users(...Array.from({ length: 60 }, (_, n) => `Ada ${n}`));
    const found = await accounts.search(visitor, 'ada', { ...page, limit: 100 });
    expect([found.items.length, found.hasMore]).toEqual([10, true]);
    const after = found.items.at(-1) ?? null;
    expect(await problemsOf(accounts.search(visitor, 'ada', { ...page, after }))).toMatchObject([{ path: 'after' }]);
    expect(await problemsOf(accounts.search(visitor, 'ada', { ...page, backward: true }))).toMatchObject([
      { path: 'last' },
    ]);
    expect((await search('ada', { limit: 100 })).items).toHaveLength(50);
  });

  it('is limited for each user, for guests more', async () => {
    const { viewer: visitor } = await guest('Gus');
    const searches = (who: Viewer, count: number) =>
      Promise.allSettled(Array.from({ length: count }, () => accounts.search(who, 'ada', page)));
    const refused = (results: PromiseSettledResult<unknown>[]) =>
      results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(refused(await searches(visitor, 21))).toEqual([expect.any(RateLimitedError)]);
    expect(refused(await searches(viewer, 61))).toEqual([expect.any(RateLimitedError)]);
  });

  it('compares letters of any script in their canonical form', async () => {
    await users('Élodie', 'Жанна', '名無し', 'علياء');
    expect(await namesOf('e\u0301LO')).toEqual(['Élodie']);
    expect(await namesOf('жан')).toEqual(['Жанна']);
    expect(await namesOf('名無')).toEqual(['名無し']);
    expect(await namesOf('علي')).toEqual(['علياء']);
  });

  it('takes wildcards and quotes literally', async () => {
    await users('100%', '100 percent', 'ab_c', 'abxc', 'back\\slash', "o'brien");
    expect(await namesOf('100%')).toEqual(['100%']);
    expect(await namesOf('%00')).toEqual([]);
    expect(await namesOf('ab_')).toEqual(['ab_c']);
    expect(await namesOf('back\\')).toEqual(['back\\slash']);
    expect(await namesOf("o'b")).toEqual(["o'brien"]);
  });

  it('returns every user once, page by page in both directions, also users with the same name', async () => {
    await users('Ada', 'ada', 'ADA', 'Ada', 'Adele', 'Adam', 'Adrian');
    const all = (await search('ad')).items;
    expect(all).toHaveLength(7);

    const forward = [];
    for (let after: NameKey | null = null; ; after = forward.at(-1) ?? null) {
      const { items, hasMore } = await search('ad', { limit: 2, after });
      forward.push(...items);
      if (!hasMore) break;
    }
    const backward = [];
    for (let before: NameKey | null = null; ; before = backward[0] ?? null) {
      const { items, hasMore } = await search('ad', { limit: 2, backward: true, before });
      backward.unshift(...items);
      if (!hasMore) break;
    }
    expect(forward).toEqual(all);
    expect(backward).toEqual(all);
  });

  it('returns every user once while some keys are not computed yet', async () => {
    await users('Ana', 'André', 'Andrea', 'Anz');
    await world.database.query(`UPDATE users SET name = name || '.' WHERE name <> 'Ana'`);
    const all = (await search('an')).items;
    const paged = [];
    for (let after: NameKey | null = null; paged.length < 8; after = paged.at(-1) ?? null) {
      const { items, hasMore } = await search('an', { limit: 1, after });
      paged.push(...items);
      if (!hasMore) break;
    }
    expect(paged).toEqual(all);
    expect(new Set(all.map(({ nameKey }) => nameKey))).toEqual(new Set(['ana', null]));
  });

  it('between two cursors returns the users in between', async () => {
    await users('Ada', 'Adam', 'Adele', 'Adrian');
    const [first, , , last] = (await search('ad')).items;
    expect((await search('ad', { after: first ?? null, before: last ?? null })).names).toEqual(['Adam', 'Adele']);
  });
});

describe('users by their ids', () => {
  it('include only users that exist', async () => {
    const [ada, ben] = [await world.user({ name: 'Ada' }), await world.user({ name: 'Ben' })];
    const found = await accounts.byIds([ben.id, randomUUID(), ada.id, ada.id], 'reader');
    expect(found.map(({ name }) => name).sort()).toEqual(['Ada', 'Ben']);
    await expect(accounts.byId(randomUUID())).rejects.toThrow(NotFoundError);
  });

  it('appear in events with id, name and time only', async () => {
    const ada = await world.user({ name: 'Ada', email: someEmail(), passwordHash: 'hash' });
    expect(await accounts.facts(ada.id)).toEqual({ id: ada.id, name: 'Ada', createdAt: ada.createdAt.toISOString() });
    expect(await accounts.facts(randomUUID())).toBeNull();
  });
});

describe('rate limits', () => {
  it('allow ten logins a minute for one account from one IP address, successful or not', async () => {
    const { email } = await world.registered();
    const origin = someOrigin();
    const again = (given: Partial<Given> = {}) => login({ email, ...given }, origin);
    for (const n of Array(10).keys())
      await expect(again({ password: 'wrong horse', email: n % 2 ? email : email.toUpperCase() })).rejects.toThrow(
        UnauthenticatedError,
      );

    const refusal = await again().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RateLimitedError);
    const { retryAfterMs } = (refusal as RateLimitedError).extensions;
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect((await login({ email })).userId).toEqual(expect.any(String));
    await expect(again({ email: someEmail() })).rejects.toThrow(UnauthenticatedError);
  });

  it('allow a hundred logins a minute from one IP address, for all accounts', async () => {
    const origin = someOrigin();
    const attempt = () => login({ email: someEmail() }, origin).catch((error: unknown) => error);
    const refusals: unknown[] = [];
    // In parts that the queue of one address has room for.
    for (const length of [40, 40, 21]) refusals.push(...(await Promise.all(Array.from({ length }, attempt))));
    expect(refusals.filter((error) => error instanceof RateLimitedError)).toHaveLength(1);
    expect(refusals.filter((error) => error instanceof UnauthenticatedError)).toHaveLength(100);
  });

  it('count addresses of one IPv6 network together', async () => {
    const { email } = await world.registered();
    const network = randomUUID().slice(0, 4);
    const from = (n: number) => ({ address: `2001:db8:1:${network}::${n.toString(16)}`, userAgent: '', requestId: '' });
    for (const n of Array(10).keys())
      await expect(login({ email, password: 'wrong horse' }, from(n))).rejects.toThrow(UnauthenticatedError);
    await expect(login({ email }, from(10))).rejects.toThrow(RateLimitedError);
  });

  it('allow thirty logins an hour to one account from all addresses, except those that it was used from', async () => {
    const email = someEmail();
    const [home, phone] = [someOrigin(), someOrigin()];
    const signedIn = await register({ email }, null, home);
    await accounts.refresh((await login({ email })).refreshToken, phone);
    for (const _ of Array(29))
      await expect(login({ email, password: 'wrong horse' })).rejects.toThrow(UnauthenticatedError);

    await expect(login({ email })).rejects.toThrow(RateLimitedError);
    await expect(login({ email: email.toUpperCase() })).rejects.toThrow(RateLimitedError);
    for (const known of [home, phone]) expect((await login({ email }, known)).userId).toBe(signedIn.userId);
  });

  it('hold for an account that does not exist as for one that does', async () => {
    const email = someEmail();
    for (const _ of Array(30)) await expect(login({ email })).rejects.toThrow(UnauthenticatedError);
    await expect(login({ email })).rejects.toThrow(RateLimitedError);
  });

  it('allow sixty registrations in ten minutes from one address, because each tells whether an address is taken', async () => {
    const { email } = await world.registered();
    const origin = someOrigin();
    for (const _ of Array(60)) await expect(register({ email }, null, origin)).rejects.toThrow(ConflictError);
    await expect(register({ email }, null, origin)).rejects.toThrow(RateLimitedError);
    await expect(register({}, null, origin)).rejects.toThrow(RateLimitedError);
  });

  it('allow twenty refreshes a minute of one session, from any address', async () => {
    const { signedIn } = await guest();
    let { refreshToken } = signedIn;
    for (const _ of Array(20)) ({ refreshToken } = await accounts.refresh(refreshToken, someOrigin()));
    await expect(accounts.refresh(refreshToken, someOrigin())).rejects.toThrow(RateLimitedError);
    world.forgetRates();
    expect((await accounts.refresh(refreshToken, someOrigin())).userId).toBe(signedIn.userId);
  });

  it('allow 600 refreshes a minute from one address, also with unknown tokens', async () => {
    const origin = someOrigin();
    const attempt = () => accounts.refresh('unknown', origin).catch((error: unknown) => error);
    const refusals = await Promise.all(Array.from({ length: 601 }, attempt));
    expect(refusals.filter((error) => error instanceof RateLimitedError)).toHaveLength(1);
    expect(refusals.filter((error) => error instanceof UnauthenticatedError)).toHaveLength(600);
  });

  it('allow 120 new guests and users a minute from one IP address', async () => {
    const origin = someOrigin();
    await register({}, null, origin);
    const come = () => accounts.guest({ name: 'Ada', email: null, device: null }, origin);
    await Promise.all(Array.from({ length: 119 }, come));
    await expect(come()).rejects.toThrow(RateLimitedError);
    await expect(register({}, null, origin)).rejects.toThrow(RateLimitedError);
    await register({});
  });

  it('do not count calls that are refused for bad input', async () => {
    const origin = someOrigin();
    for (const _ of Array(130)) await problemsOf(accounts.guest({ name: '', email: null, device: null }, origin));
    await accounts.guest({ name: 'Ada', email: null, device: null }, origin);
  });

  it('allow ten password changes a minute', async () => {
    const { viewer } = await world.registered();
    const change = (current: string) => accounts.changePassword(viewer, current, 'battery staple');
    for (const _ of Array(10)) await problemsOf(change('wrong horse'));
    await expect(change(password)).rejects.toThrow(RateLimitedError);
  });

  it('can be turned off', async () => {
    const { email, viewer } = await world.registered();
    const origin = someOrigin();
    for (const _ of Array(12))
      expect((await world.unlimited.login({ email, password, device: null }, origin)).userId).toBe(viewer.userId);
  });

  it('let every call pass while state is away, and log that', async () => {
    world.state.isAway = true;
    const { email } = await world.registered();
    const origin = someOrigin();
    for (const _ of Array(12)) await login({ email }, origin);
    expect(world.logger.lines[0]).toMatchObject({ level: 'warn', facts: { error: new Error('state is away') } });
    expect(JSON.stringify(world.logger.lines)).not.toContain(email);
  });
});

interface Given {
  email: string;
  password: string;
  name: string;
  device: string | null;
  refreshToken: string;
}

const someEmail = () => `${randomUUID()}@example.org`;

const register = (given: Partial<Given>, viewer: Viewer | null = null, origin = someOrigin()): Promise<SignedIn> =>
  accounts.register(viewer, { email: someEmail(), password, name: 'Somebody', device: null, ...given }, origin);

const login = (given: Partial<Given> & { email: string }, origin = someOrigin()): Promise<SignedIn> =>
  accounts.login({ password, device: null, ...given }, origin);

const viewerOf = ({ token }: SignedIn): Promise<Viewer> => world.auth.authenticate(token);

async function guest(name = 'Guest') {
  const signedIn = await accounts.guest({ name, email: null, device: null }, someOrigin());
  return { signedIn, viewer: await viewerOf(signedIn) };
}

const users = (...names: string[]) => Promise.all(names.map((name) => world.user({ name })));

/** Expects that every call that takes a name refuses this one, with that message. */
async function expectNameProblem(name: string, message: unknown): Promise<void> {
  const problem = { path: 'input.name', message };
  expect(await problemsOf(register({ name }))).toEqual([problem]);
  expect(await problemsOf(accounts.guest({ name, email: null, device: null }, someOrigin()))).toEqual([problem]);
  const { viewer } = await guest();
  expect(await problemsOf(accounts.updateProfile(viewer, { name, avatarId: null }))).toEqual([problem]);
}
