import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type AccountsWorld, createAccountsWorld, password, someOrigin } from '../support/accounts.ts';

/** Number of hashes that were computed, by kind. */
const work = vi.hoisted(() => ({ hash: 0, verify: 0 }));

vi.mock(import('@node-rs/argon2'), async (importOriginal) => {
  const original = await importOriginal();
  const hash: typeof original.hash = (...given) => {
    work.hash++;
    return original.hash(...given);
  };
  const verify: typeof original.verify = (...given) => {
    work.verify++;
    return original.verify(...given);
  };
  return { ...original, hash, verify };
});

let world: AccountsWorld;

beforeAll(async () => {
  world = await createAccountsWorld();
});
beforeEach(() => world.forgetRates());
afterAll(() => world.stop());

/** Returns the number of hashes that some work takes, the rate limits that it counts by, and its error. */
async function costOf(attempt: () => Promise<unknown>) {
  Object.assign(work, { hash: 0, verify: 0 });
  const take = vi.spyOn(world.state.memory.limits, 'take');
  const error = await attempt().then(
    () => null,
    (reason: unknown) => reason,
  );
  const limits = take.mock.calls.map(([key]) => key.split(':', 1)[0]);
  take.mockRestore();
  return { ...work, limits, error };
}

const login = (email: string, given: string) =>
  costOf(() => world.accounts.login({ email, password: given, device: null }, someOrigin()));
const register = (email: string) =>
  costOf(() => world.accounts.register(null, { email, password, name: 'Ada', device: null }, someOrigin()));

it('a login costs the same work and fails with the same words for an unknown address as for a wrong password', async () => {
  const { email } = await world.registered();
  const { signedIn } = await world.registered();
  await world.database.prisma.user.update({ where: { id: signedIn.userId }, data: { passwordHash: null } });
  const { email: guestEmail } = await world.accounts.byId(signedIn.userId);

  const wrong = await login(email, 'wrong horse');

  expect(wrong).toMatchObject({ hash: 0, verify: 1, limits: ['logins', 'login', 'account'] });
  for (const address of ['unknown@example.org', guestEmail ?? '', 'no address', ''])
    expect(await login(address, password)).toEqual(wrong);
});

it('a registration costs the same work whether the address is taken or not', async () => {
  const { email } = await world.registered();
  const [taken, free] = [await register(email), await register('free@example.org')];
  const expected = { hash: 1, verify: 0, limits: ['newcomers', 'registrations'] };
  expect(taken).toMatchObject({ ...expected, error: { code: 'CONFLICT' } });
  expect(free).toMatchObject({ ...expected, error: null });
});

it('a refused registration costs no hash, whether the address is taken or not', async () => {
  const { email } = await world.registered();
  const origin = someOrigin();
  const attempt = (address: string) =>
    costOf(() =>
      world.accounts.register(null, { email: address, password: '12345678', name: 'Ada', device: null }, origin),
    );
  const taken = await attempt(email);
  expect(taken).toMatchObject({ hash: 0, verify: 0, limits: [], error: { code: 'BAD_USER_INPUT' } });
  expect(await attempt('other@example.org')).toEqual(taken);
});
