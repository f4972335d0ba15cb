import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createResetCleanup } from '../../api/domain/cleanup/password-resets.ts';
import { createOutgoingMail } from '../../api/domain/outgoing-mail.ts';
import { writeResetMail } from '../../api/domain/password-reset-mail.ts';
import { BadUserInputError, RateLimitedError, UnavailableError } from '../../api/errors.ts';
import type { Mail } from '../../api/infra/mail/mail.ts';
import {
  type AccountsWorld,
  createAccountsWorld,
  isRefused,
  password,
  problemsOf,
  someOrigin,
} from '../support/accounts.ts';
import { createTestLogger } from '../support/logger.ts';

const next = 'battery staple';

let world: AccountsWorld;
beforeAll(async () => {
  world = await createAccountsWorld();
});
beforeEach(() => {
  world.forgetRates();
  world.mails.length = 0;
});
afterAll(() => world.stop());

const request = (email: string, origin = someOrigin()) => world.accounts.requestPasswordReset(email, origin);
const reset = (token: string, chosen = next) => world.accounts.resetPassword(token, chosen, someOrigin());
const login = (email: string, given: string) =>
  world.accounts.login({ email, password: given, device: null }, someOrigin());

/** Waits until as many mails were sent in all, and returns the token of the last one. */
async function tokenOfMail(count = 1): Promise<string> {
  await vi.waitFor(() => expect(world.mails).toHaveLength(count));
  const [, token = ''] = /reset-password\/(\S+)/.exec(world.mails.at(-1)?.text ?? '') ?? [];
  return token;
}

describe('a request', () => {
  it('mails a link to the stored address, however the address is written', async () => {
    const { email } = await world.registered();
    await request(` ${email.toUpperCase().replace('@', '\uff20')} `);
    expect(await tokenOfMail()).toMatch(/^[\w-]{43}$/);
    expect(world.mails).toMatchObject([{ to: email }]);
  });

  it('mails nothing to addresses without an account, and to those of guests', async () => {
    const guestEmail = `${randomUUID()}@example.org`;
    await world.accounts.guest({ name: 'Guest', email: guestEmail, device: null }, someOrigin());
    for (const email of [guestEmail, `${randomUUID()}@example.org`]) await request(email);
    // Mails are sent in turn: this one comes after those.
    const { email } = await world.registered();
    await request(email);
    await tokenOfMail();
    expect(world.mails.map(({ to }) => to)).toEqual([email]);
  });

  it('is refused for a text that is no address, and after too many for one account or from one network', async () => {
    expect(await problemsOf(request('nobody'))).toEqual([{ path: 'email', message: 'must be an e-mail address' }]);
    const unknown = `${randomUUID()}@example.org`;
    for (const _ of Array(5)) await request(unknown);
    await expect(request(unknown.toUpperCase())).rejects.toThrow(RateLimitedError);
    const origin = someOrigin();
    for (const _ of Array(20)) await request(`${randomUUID()}@example.org`, origin);
    await expect(request(`${randomUUID()}@example.org`, origin)).rejects.toThrow(RateLimitedError);
  });

  it('stores neither the token nor more than the five newest', async () => {
    const { email } = await world.registered();
    for (const n of [1, 2, 3, 4, 5]) {
      await request(email);
      await tokenOfMail(n);
    }
    world.forgetRates();
    const tokens = world.mails.map(({ text }) => /reset-password\/(\S+)/.exec(text)?.[1] ?? '');
    await request(email);
    await tokenOfMail(6);
    expect(await problemsOf(reset(tokens[0] ?? ''))).toMatchObject([{ path: 'token' }]);
    const dump = await world.dump();
    for (const token of tokens) expect(dump).not.toContain(token);
    expect((await login(email, password)).userId).toBe((await reset(tokens[1] ?? '')).userId);
  });
});

describe('a link', () => {
  it('sets the password, ends every other session and signs in', async () => {
    const { email, signedIn } = await world.registered();
    await request(email);
    const renewed = await reset(` ${await tokenOfMail()}\n`);
    expect(renewed.userId).toBe(signedIn.userId);
    expect(await isRefused(world.auth, signedIn.token)).toBe(true);
    expect(await isRefused(world.auth, renewed.token)).toBe(false);
    await expect(login(email, password)).rejects.toThrow();
    expect((await login(email, next)).userId).toBe(signedIn.userId);
  });

  it('keeps its token when the password is refused', async () => {
    const { email } = await world.registered('Ada Lovelace');
    await request(email);
    const token = await tokenOfMail();
    for (const chosen of ['short', 'adalovelace', email, 'password1'])
      expect(await problemsOf(reset(token, chosen)), chosen).toMatchObject([{ path: 'password' }]);
    expect(await reset(token)).toBeDefined();
  });

  it('works once, for one of two simultaneous uses, and with it all links of the user', async () => {
    const { email } = await world.registered();
    await request(email);
    const first = await tokenOfMail();
    await request(email);
    const second = await tokenOfMail(2);
    const uses = await Promise.allSettled([reset(first, 'battery staple one'), reset(first, 'battery staple two')]);
    expect(uses.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    for (const use of uses) if (use.status === 'rejected') expect(use.reason).toBeInstanceOf(BadUserInputError);
    const winner = uses[0]?.status === 'fulfilled' ? 'battery staple one' : 'battery staple two';
    expect(await login(email, winner)).toBeDefined();
    for (const token of [first, second, '', 'unknown'])
      expect(await problemsOf(reset(token)), token).toMatchObject([{ path: 'token' }]);
  });

  it('does not work after a change of the password, nor once it has expired, when the cleanup removes it', async () => {
    await world.database.query('DELETE FROM password_reset');
    const { email, viewer } = await world.registered();
    await request(email);
    const changed = await tokenOfMail();
    await world.accounts.changePassword(viewer, password, next);
    expect(await problemsOf(reset(changed))).toMatchObject([{ path: 'token' }]);

    await request(email);
    const expired = await tokenOfMail(2);
    await world.database.query(`UPDATE password_reset SET expires_at = now() - interval '1 second'`);
    expect(await problemsOf(reset(expired))).toMatchObject([{ path: 'token' }]);
    expect(await createResetCleanup(world.database).step(null)).toMatchObject({ removed: { password_reset: 1 } });
    expect(await world.database.query('SELECT 1 FROM password_reset')).toEqual([]);
  });

  it('is refused after too many attempts from one network', async () => {
    const origin = someOrigin();
    const attempt = () => world.accounts.resetPassword('unknown', next, origin);
    for (const _ of Array(30)) await expect(attempt()).rejects.toThrow(BadUserInputError);
    await expect(attempt()).rejects.toThrow(RateLimitedError);
  });
});

it.each([
  [1, 'one minute'],
  [45, '45 minutes'],
  [60, 'one hour'],
  [120, '2 hours'],
])('a mail about a link of %i minutes says %s', (minutes, words) => {
  const { text } = writeResetMail('ada@example.org', { link: 'https://chat.example.org/#x', ttlMs: minutes * 60_000 });
  expect(text).toContain(`within ${words}.`);
  expect(text).toContain('\nhttps://chat.example.org/#x\n');
});

describe('outgoing mail', () => {
  const mail: Mail = { to: 'ada@example.org', subject: 'A', text: 'B' };

  it('counts and logs failures, and goes on', async () => {
    const logger = createTestLogger();
    const send = vi.fn().mockRejectedValueOnce(new Error('no route')).mockResolvedValue(undefined);
    const outgoing = createOutgoingMail({ mail: { send }, onRefused: () => {}, logger });
    for (const write of [() => mail, () => null, () => mail]) outgoing.enqueue(async () => write());
    await outgoing.stop();
    expect([outgoing.sent(), outgoing.failed(), outgoing.waiting()]).toEqual([1, 1, 0]);
    expect(logger.lines).toMatchObject([{ level: 'error', message: 'a mail could not be sent' }]);
  });

  it('refuses more than wait, and a stop gives up those that are not taken', async () => {
    vi.useFakeTimers();
    const [onRefused, logger] = [vi.fn(), createTestLogger()];
    const outgoing = createOutgoingMail({ mail: { send: () => new Promise(() => {}) }, onRefused, logger });
    const fill = () => {
      for (let n = 0; n < 2_000; n++) outgoing.enqueue(async () => mail);
    };
    expect(fill).toThrow(UnavailableError);
    expect(onRefused).toHaveBeenCalledWith('mails');
    const stopped = outgoing.stop();
    await vi.runAllTimersAsync();
    await stopped;
    expect(logger.lines).toMatchObject([{ level: 'warn', facts: { mails: outgoing.waiting() } }]);
    vi.useRealTimers();
  });
});
