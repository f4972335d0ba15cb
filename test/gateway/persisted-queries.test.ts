import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { StateUnavailableError } from '../../api/infra/state/state.ts';
import { startGateway } from '../support/gateway.ts';
import { openSocket, post } from '../support/wire.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hashOf = (text: string) => ({ persistedQuery: { version: 1, sha256Hash: sha256(text) } });
const notFound = {
  errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
};

describe('an automatically persisted query', () => {
  let url: string;
  beforeAll(async () => {
    const started = await startGateway();
    ({ url } = started);
    afterAll(() => started.gateway.stop());
  });

  async function subscribe(payload: object) {
    const socket = await openSocket(url);
    socket.send({ id: '1', type: 'subscribe', payload });
    const frames = [await socket.next()];
    if (frames[0]?.type === 'next') frames.push(await socket.next());
    socket.socket.terminate();
    return frames;
  }

  it('that is not known is a result over a WebSocket, as Apollo Kotlin expects, and the socket stays open', async () => {
    const query = 'subscription { numbers(upTo: 1) }';
    const socket = await openSocket(url);
    const start = (id: string, payload: object) => socket.send({ id, type: 'subscribe', payload });
    start('1', { variables: {}, extensions: hashOf(query) });
    expect(await socket.next()).toMatchObject({ id: '1', type: 'next', payload: notFound });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    start('2', { query, extensions: hashOf(query) });
    expect(await socket.next()).toMatchObject({ id: '2', type: 'next', payload: { data: { numbers: 1 } } });
    expect(await socket.next()).toEqual({ id: '2', type: 'complete' });
    start('3', { query: null, extensions: hashOf(query) });
    expect(await socket.next()).toMatchObject({ id: '3', type: 'next', payload: { data: { numbers: 1 } } });
    socket.socket.terminate();
  });

  it('is one for both transports, batches and GET', async () => {
    const query = '{ hello(name: "all") }';
    const data = { hello: 'Hello all' };
    expect((await subscribe({ extensions: hashOf(query) }))[0]).toMatchObject({ payload: notFound });
    expect((await post(url, { query, extensions: hashOf(query) })).json()).toEqual({ data });
    expect((await subscribe({ extensions: hashOf(query) }))[0]).toMatchObject({ type: 'next', payload: { data } });
    const batch = [{ extensions: hashOf(query) }, { extensions: hashOf('{ other }') }, { query: '{ hello }' }];
    expect((await post(url, batch)).json()).toMatchObject([{ data }, notFound, { data: { hello: 'Hello world' } }]);
    const headers = { accept: 'application/json', 'apollo-require-preflight': '1' };
    const extensions = encodeURIComponent(JSON.stringify(hashOf(query)));
    for (const search of [`extensions=${extensions}`, `documentId=sha256:${sha256(query)}`])
      expect(await (await fetch(`${url}/graphql?${search}`, { headers })).json()).toEqual({ data });
  });

  it('whose hash belongs to another text is refused', async () => {
    const payload = { query: '{ hello }', extensions: hashOf('{ other }') };
    const error = { extensions: { code: 'BAD_REQUEST' } };
    expect((await post(url, payload)).json()).toMatchObject({ errors: [error] });
    expect((await subscribe(payload))[0]).toMatchObject({ type: 'error', payload: [error] });
  });

  it('is found by the hash in capital letters', async () => {
    const query = '{ hello(name: "capitals") }';
    const sha256Hash = sha256(query).toUpperCase();
    const data = { hello: 'Hello capitals' };
    const named = { extensions: { persistedQuery: { version: 1, sha256Hash } } };
    for (const payload of [{ query, ...named }, named, { documentId: `sha256:${sha256Hash}` }]) {
      expect((await subscribe(payload))[0]).toMatchObject({ type: 'next', payload: { data } });
      expect((await post(url, payload)).json()).toEqual({ data });
    }
  });

  it('without a hash that could be one is not looked up', async () => {
    for (const sha256Hash of ['short', 'A'.repeat(64), 'a'.repeat(100_000)])
      expect((await post(url, { extensions: { persistedQuery: { version: 1, sha256Hash } } })).json()).toMatchObject(
        notFound,
      );
  });

  it('does not replace a missing query: the socket is closed with 4400', async () => {
    for (const payload of [
      {},
      { extensions: {} },
      { extensions: { persistedQuery: { version: 2, sha256Hash: 'a' } } },
    ]) {
      const socket = await openSocket(url);
      socket.send({ id: '1', type: 'subscribe', payload });
      expect(await socket.closed).toMatchObject({ code: 4400 });
    }
  });
});

describe('persisted queries of several gateways', () => {
  it('are shared by the state', async () => {
    const { persistedQueries } = createMemoryState();
    const [one, other] = await Promise.all([startGateway({ persistedQueries }), startGateway({ persistedQueries })]);
    const query = '{ hello(name: "both") }';
    await post(one.url, { query, extensions: hashOf(query) });
    expect((await post(other.url, { extensions: hashOf(query) })).json()).toEqual({ data: { hello: 'Hello both' } });
    await Promise.all([one.gateway.stop(), other.gateway.stop()]);
  });

  it('are unknown while the state is away, so that clients send the text', async () => {
    const away = () => Promise.reject(new StateUnavailableError('away'));
    const { url, gateway } = await startGateway({ persistedQueries: { find: away, add: away } });
    const query = '{ hello }';
    expect((await post(url, { extensions: hashOf(query) })).json()).toMatchObject(notFound);
    expect((await post(url, { query, extensions: hashOf(query) })).json()).toEqual({ data: { hello: 'Hello world' } });
    await gateway.stop();
  });
});
