import { beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';

let url: string;
let ada: Person;
let bob: Person;
let room: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  room = (await ada.ask('mutation { createRoom(input: { name: "Tea" }) { id } }')).createRoom.id;
  await bob.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: room });
  return app.stop;
});

/** Sends a request as it is and returns its data, or the message of its first error. */
async function post(query: string, variables: object = {}, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ query, variables });
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
  const { data, errors } = await (await fetch(`${url}/graphql`, init)).json();
  return errors?.[0]?.message ?? data;
}

const asAda = (query: string, variables: object) => post(query, variables, { authorization: `Bearer ${ada.token}` });

describe('an id that was copied', () => {
  const findRoom = (id: string) => asAda('query ($id: ID!) { channel(id: $id) { id } }', { id });
  const findUser = (id: string) => asAda('query ($id: ID!) { user(id: $id) { id } }', { id });
  const openDirect = (id: string) => asAda('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id });

  it('may have spaces and line breaks around it', async () => {
    for (const id of [` ${room}`, `${room}\n`, `\t${room}\u00a0`])
      expect(await findRoom(id)).toEqual({ channel: { id: room } });
    expect(await findUser(` ${bob.id} `)).toEqual({ user: { id: bob.id } });
  });

  it('keeps its case: another one is not found', async () => {
    expect(await findRoom(room.toUpperCase())).toEqual({ channel: null });
    expect(await openDirect(bob.id.toUpperCase())).toContain('is not the id of one');
  });

  it('of another type is named as such', async () => {
    expect(await openDirect(room)).toBe(`User not found: "${room}" is an id of type Channel.`);
    const invite = 'mutation ($c: ID!, $u: ID!) { invite(channelId: $c, userId: $u) { id } }';
    expect(await asAda(invite, { c: bob.id, u: room })).toBe(`Channel not found: "${bob.id}" is an id of type User.`);
  });
});

describe('a token that was copied', () => {
  const me = (authorization: string) => post('{ me { name } }', {}, { authorization });

  it.each(['Bearer TOKEN', 'bearer TOKEN', 'Bearer   TOKEN', ' Bearer TOKEN ', 'TOKEN'])(
    'works as %j',
    async (header) => {
      expect(await me(header.replace('TOKEN', ada.token))).toEqual({ me: { name: 'Ada' } });
    },
  );

  it.each(['Token TOKEN', 'Bearer Bearer TOKEN', 'Bearer PASTE THE TOKEN HERE', 'Basic YTpi', 'Bearer:TOKEN'])(
    'as %j gets an explanation instead of the response of a client that is signed out',
    async (header) => {
      expect(await me(header.replace('TOKEN', ada.token))).toContain('Authorization: Bearer TOKEN');
    },
  );

  it.each(['', 'Bearer', 'Bearer '])('and left out, as %j, means that the client is signed out', async (header) => {
    expect(await me(header)).toEqual({ me: null });
  });

  it('of a refresh may have spaces and line breaks around it', async () => {
    const { refreshToken } = await guest(url, 'Eve');
    const refresh = 'mutation ($token: String!) { refresh(refreshToken: $token) { user { name } } }';
    expect(await post(refresh, { token: ` ${refreshToken}\n` })).toEqual({ refresh: { user: { name: 'Eve' } } });
  });

  it('with a malformed header does not keep anybody from signing in', async () => {
    const headers = { authorization: 'Basic YTpi' };
    const data = await post('mutation { guest(input: { name: "Eve" }) { user { name } } }', {}, headers);
    expect(data).toEqual({ guest: { user: { name: 'Eve' } } });
  });
});

describe('two tabs', () => {
  it('that refresh at once both continue', async () => {
    const eve = await guest(url, 'Eve');
    const refresh = async (token: string) => {
      const query = 'mutation ($token: String!) { refresh(refreshToken: $token) { token refreshToken } }';
      return (await post(query, { token })).refresh;
    };
    const tabs = await Promise.all([refresh(eve.refreshToken), refresh(eve.refreshToken)]);
    const next = await Promise.all(tabs.map(({ refreshToken }) => refresh(refreshToken)));
    for (const { token } of next)
      expect(await post('{ me { name } }', {}, { authorization: `Bearer ${token}` })).toEqual({ me: { name: 'Eve' } });
  });
});
