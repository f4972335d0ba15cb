import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import { ask, follow, guest, type Person, password, registered, socket } from '../support/client.ts';
import { appointed } from '../support/moderators.ts';

let url: string;
let moderator: Person;
let otherModerator: Person;
let ada: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [moderator, otherModerator, ada] = await Promise.all([appointed(app), appointed(app), registered(url)]);
  return app.stop;
});

const suspend = `mutation ($id: ID!, $until: DateTime, $reason: String = "spam") {
  suspendUser(userId: $id, until: $until, reason: $reason) { id name isSuspended }
}`;
const reinstate = 'mutation ($id: ID!) { reinstateUser(userId: $id) { id isSuspended } }';
const refresh = 'mutation ($token: String!) { refresh(refreshToken: $token) { token } }';
const login = `mutation ($email: String!) { login(input: { email: $email, password: "${password}" }) { token } }`;
const register = `mutation ($email: String!, $refreshToken: String) {
  register(input: { email: $email, password: "${password}", name: "New", refreshToken: $refreshToken }) { token }
}`;
const someEmail = () => `${randomUUID()}@example.org`;
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

describe('a user who is suspended', () => {
  it('is signed out everywhere, and told until when at every way in', async () => {
    const email = someEmail();
    const bob = await registered(url, 'Bob', email);
    const client = socket(url, bob.token);
    const codes: unknown[] = [];
    client.on('closed', (event) => codes.push((event as { code: number }).code));
    const followed = follow(client, 'subscription { match { id } }');
    await vi.waitFor(() => expect(followed.received).toEqual([null]));

    const until = tomorrow();
    const { suspendUser } = await moderator.ask(suspend, { id: bob.id, until });
    expect(suspendUser).toEqual({ id: bob.id, name: 'Bob', isSuspended: true });

    await vi.waitFor(() => expect(codes).toContain(4403));
    expect(await bob.codeOf('{ me { id } }')).toBe('UNAUTHENTICATED');
    for (const [query, variables] of [
      [refresh, { token: bob.refreshToken }],
      [login, { email }],
    ] as const) {
      const [error] = (await ask(url, query, variables)).errors;
      expect(error).toMatchObject({
        message: expect.stringContaining(until),
        extensions: { code: 'FORBIDDEN', until },
      });
    }
    followed.stop();
  });

  it('is told so only with the right password', async () => {
    const email = someEmail();
    const bob = await registered(url, 'Bob', email);
    await moderator.ask(suspend, { id: bob.id });
    const wrong = `mutation ($email: String!) { login(input: { email: $email, password: "wrong" }) { token } }`;
    expect((await ask(url, wrong, { email })).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    expect((await ask(url, login, { email })).errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', until: null });
  });

  it('cannot become a registered user as a guest', async () => {
    const eve = await guest(url, 'Eve');
    await moderator.ask(suspend, { id: eve.id });
    const { errors } = await ask(url, register, { email: someEmail(), refreshToken: eve.refreshToken }, eve.token);
    expect(errors[0]?.extensions['code']).toBe('FORBIDDEN');
  });

  it('leaves the match, and the queue', async () => {
    const [bob, cleo] = [await guest(url, 'Bob'), await guest(url, 'Cleo')];
    for (const one of [bob, cleo]) await one.ask('mutation { match(input: { tags: ["x"], strict: true }) { id } }');
    await vi.waitFor(async () => expect((await cleo.ask('{ match { status } }')).match.status).toBe('MATCHED'));
    await moderator.ask(suspend, { id: bob.id });
    expect((await cleo.ask('{ match { status } }')).match).toBeNull();

    expect((await cleo.ask('mutation { match { status } }')).match.status).toBe('WAITING');
    await moderator.ask(suspend, { id: cleo.id });
    const dan = await guest(url, 'Dan');
    expect((await dan.ask('mutation { match { status } }')).match.status).toBe('WAITING');
    await dan.ask('mutation { unmatch { id } }');
  });

  it('signs in again once reinstated', async () => {
    const email = someEmail();
    const bob = await registered(url, 'Bob', email);
    await moderator.ask(suspend, { id: bob.id });
    const { reinstateUser } = await moderator.ask(reinstate, { id: bob.id });
    expect(reinstateUser).toEqual({ id: bob.id, isSuspended: false });
    expect((await moderator.ask(reinstate, { id: bob.id })).reinstateUser).toEqual(reinstateUser);
    expect((await ask(url, login, { email })).errors).toEqual([]);
    expect(await bob.codeOf('{ me { id } }')).toBe('UNAUTHENTICATED');
  });
});

describe('a suspension', () => {
  it.each([
    ['by others than moderators of the service', () => ada, () => moderator.id, 'FORBIDDEN'],
    ['by others, of a user who does not exist', () => ada, () => encodeId('User', randomUUID()), 'FORBIDDEN'],
    ['of a moderator', () => moderator, () => otherModerator.id, 'FORBIDDEN'],
    ['of oneself', () => moderator, () => moderator.id, 'BAD_USER_INPUT'],
    ['of nobody', () => moderator, () => encodeId('User', randomUUID()), 'NOT_FOUND'],
    ['of a text that is no id', () => moderator, () => 'x', 'NOT_FOUND'],
  ])('%s is refused', async (_, who, id, code) => {
    expect(await who().codeOf(suspend, { id: id() })).toBe(code);
    if (code !== 'FORBIDDEN' || who() === ada) expect(await who().codeOf(reinstate, { id: id() })).toBe(code);
  });

  it('needs a sign-in, a reason and an end in the future', async () => {
    for (const query of [suspend, reinstate])
      expect((await ask(url, query, { id: ada.id })).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    const problems = { until: new Date(0).toISOString(), reason: ' ' };
    const { errors } = await ask(url, suspend, { id: ada.id, ...problems }, moderator.token);
    expect(errors[0]?.extensions['fields'].map(({ path }: { path: string }) => path)).toEqual(['until', 'reason']);
    expect(await moderator.codeOf(suspend, { id: ada.id, reason: 'x'.repeat(4_097) })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf('{ me { id } }')).toBeNull();
  });

  it('and the appointment of moderators are seen by those alone whom they concern', async () => {
    const query = 'query ($id: ID!) { me { isModerator isSuspended } user(id: $id) { isModerator isSuspended } }';
    expect(await ada.ask(query, { id: moderator.id })).toEqual({
      me: { isModerator: false, isSuspended: null },
      user: { isModerator: null, isSuspended: null },
    });
    expect(await moderator.ask(query, { id: ada.id })).toEqual({
      me: { isModerator: true, isSuspended: false },
      user: { isModerator: null, isSuspended: false },
    });
  });
});
