import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { WebSocket } from 'ws';
import { tokenOfHeader, tokenOfPayload } from '../../api/gateway/auth/token.ts';
import { startGateway } from '../support/gateway.ts';
import { execute, executeFailing, openRaw, openStream } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

/** Signs a user in, and returns the token and the user's id. */
function signIn() {
  const { token, viewer } = running.backstage.auth.signIn();
  return { token, userId: viewer.userId };
}

test.each([
  [undefined, null],
  ['', null],
  ['Bearer', null],
  ['Bearer a b', null],
  ['Basic dXNlcjpwYXNz', null],
  ['Basic', null],
  ['Digest username="ada", realm="x"', null],
  ['Negotiate YII=', null],
  ['Bearer abc', 'abc'],
  ['bEARER   abc ', 'abc'],
  ['abc', 'abc'],
  [' a.b-c_d ', 'a.b-c_d'],
])('the header %j has the token %j', (header, token) => {
  expect(tokenOfHeader(header)).toBe(token);
});

test.each([
  [undefined, null],
  [[], null],
  [{}, null],
  [{ authorization: null, token: null, headers: null }, null],
  [{ headers: {} }, null],
  [{ headers: 'Bearer abc' }, null],
  [{ headers: [{ authorization: 'abc' }] }, null],
  [{ headers: { token: 'abc' } }, null],
  [{ AUTHORIZATION: 'Bearer abc' }, 'abc'],
  [{ authorization: 'abc' }, 'abc'],
  [{ token: 'abc' }, 'abc'],
  [{ token: 'bearer abc' }, 'abc'],
  [{ authToken: 'abc' }, 'abc'],
  [{ authToken: 'Bearer abc' }, 'abc'],
  [{ headers: { Authorization: 'Bearer abc' } }, 'abc'],
  [{ Headers: { AUTHORIZATION: 'abc' } }, 'abc'],
  [{ authorization: null, authToken: 'abc' }, 'abc'],
  [{ headers: { authorization: 'other' }, authToken: 'other', token: 'other', Authorization: 'abc' }, 'abc'],
  [JSON.parse('{"__proto__":{"authorization":"abc"}}'), null],
  [{ token: 7 }, ''],
  [{ authorization: { a: 1 } }, ''],
  [{ headers: { authorization: ['abc'] } }, ''],
])('the payload %j has the token %j', (payload, token) => {
  expect(tokenOfPayload(payload)).toBe(token);
});

describe('the header of an upgrade', () => {
  /** Opens a socket, sends `connection_init`, and returns the viewer that the server sees. */
  async function viewerOf(authorization: string, payload?: object): Promise<unknown> {
    const raw = await openRaw(url, { headers: { authorization } });
    raw.send({ type: 'connection_init', payload });
    expect(await raw.next()).toEqual({ type: 'connection_ack' });
    raw.subscribe('1', '{ viewer }');
    const { payload: result } = await raw.next();
    raw.socket.close();
    return result?.data?.['viewer'];
  }

  it.each(['Bearer ', 'bearer  ', ''])('has the token of its socket, as %j and the token', async (scheme) => {
    const { token, userId } = signIn();
    expect(await viewerOf(`${scheme}${token}`)).toBe(userId);
  });

  it('loses against the payload, even if its own token is invalid', async () => {
    const [header, payload] = [signIn(), signIn()];
    expect(await viewerOf(`Bearer ${header.token}`, { headers: { Authorization: payload.token } })).toBe(
      payload.userId,
    );
    expect(await viewerOf('Bearer forged', { authToken: payload.token })).toBe(payload.userId);
  });

  it('is used if the payload has no token', async () => {
    const { token, userId } = signIn();
    expect(await viewerOf(`Bearer ${token}`, { authorization: null, app: 'chat' })).toBe(userId);
  });

  it.each(['Bearer forged', 'forged'])(
    'closes the socket with 4403 if its token is invalid: %s',
    async (authorization) => {
      const raw = await openRaw(url, { headers: { authorization } });
      raw.send({ type: 'connection_init' });
      expect(await raw.closed).toEqual({ code: 4403, reason: 'Forbidden' });
    },
  );

  it('does not hide that the token of the payload is invalid', async () => {
    const raw = await openRaw(url, { headers: { authorization: `Bearer ${signIn().token}` } });
    raw.send({ type: 'connection_init', payload: { token: 'forged' } });
    expect(await raw.closed).toMatchObject({ code: 4403 });
  });

  it('leaves a socket anonymous if its credentials are those of a proxy', async () => {
    expect(await viewerOf('Basic dXNlcjpwYXNz')).toBeNull();
  });

  it('does not let a page of another origin in, and credentials that a browser adds by itself are no token', async () => {
    const { token } = signIn();
    for (const authorization of [`Bearer ${token}`, `Basic ${token}`]) {
      const headers = { origin: 'https://evil.example', authorization };
      await expect(openRaw(url, { headers })).rejects.toThrow('403');
    }
    expect(await viewerOf(`Basic ${token}`)).toBeNull();
  });

  it('never reaches the log', async () => {
    const { token } = signIn();
    await viewerOf(`Bearer ${token}`);
    await viewerOf(token, { authToken: token });
    const socket = new WebSocket(url.replace('http', 'ws'), { headers: { authorization: token } });
    await once(socket, 'error');
    await execute(url, '{ hello }', { headers: { authorization: token } });
    expect(JSON.stringify(running.backstage.logger.lines)).not.toContain(token);
  });

  it('counts for the limit of its user', async () => {
    const { gateway, backstage, url } = await startGateway({ maxConnectionsPerUser: 1 });
    const headers = { authorization: backstage.auth.signIn().token };
    const [first, second] = [await openRaw(url, { headers }), await openRaw(url, { headers })];
    first.send({ type: 'connection_init' });
    expect(await first.next()).toEqual({ type: 'connection_ack' });
    second.send({ type: 'connection_init' });
    expect(await second.closed).toMatchObject({ code: 1013 });
    await gateway.stop();
  });
});

describe('a request', () => {
  it('may have its token without `Bearer`', async () => {
    const { token, userId } = signIn();
    expect(await execute(url, '{ viewer }', { headers: { authorization: token } })).toEqual({
      data: { viewer: userId },
    });
  });

  it('with a forged one can still sign in, and learns from other operations that the token is invalid', async () => {
    const headers = { authorization: 'forged' };
    expect(await execute(url, '{ hello }', { headers })).toEqual({ data: { hello: 'Hello world' } });
    const { message, extensions } = await executeFailing(url, '{ viewer }', { headers });
    expect([message, extensions.code]).toEqual(['The token is not valid: sign in again.', 'UNAUTHENTICATED']);
  });

  it('for a stream may have its token without `Bearer`', async () => {
    const stream = await openStream(url, 'subscription { mine }', { headers: { authorization: signIn().token } });
    expect(await stream.next()).toMatchObject({ event: 'next', data: { data: { mine: 1 } } });
    stream.abort();
  });
});
