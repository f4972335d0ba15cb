import { GraphQLError, GraphQLScalarType } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jsonBoundsMessage } from '../../api/gateway/json-bounds.ts';
import type { Context } from '../../schema/context.ts';
import { startGateway } from '../support/gateway.ts';
import { openRaw, openSocket, post, type Result } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  ({ url } = running);
});
afterEach(() => expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]));
afterAll(() => running.gateway.stop());

const query = '{ hello }';
const codesOf = (body: unknown) =>
  [body].flat().flatMap((one) => (one as Result).errors?.map((e) => e.extensions.code));

describe('a malformed request over HTTP', () => {
  it.each([
    ['an empty query', { query: '' }],
    ['a query that is a number', { query: 5 }],
    ['a query that is a list', { query: ['{ hello }'] }],
    ['an empty batch', []],
    ['a body that is null', 'null'],
    ['a body that is a number', '5'],
    ['a body without its end', '{'],
    ['variables in a list', { query, variables: [] }],
    ['variables in a string', { query, variables: '{}' }],
    ['an operation name that is an object', { query, operationName: {} }],
    ['extensions that are a number', { query, extensions: 5 }],
    ['extensions in a list', { query, extensions: [null] }],
    ['variables in 100,000 lists', `{"query":"${query}","variables":${'['.repeat(1e5)}${']'.repeat(1e5)}}`],
  ])('is the error of its client: %s', async (_what, body) => {
    const response = await post(url, body);
    expect([response.status, codesOf(response.json())]).toEqual([400, ['BAD_REQUEST']]);
  });

  it.each([null, 5, 'x', [], {}, { query: '' }])('is the error of one operation in a batch: %j', async (one) => {
    const [first, second] = (await post(url, [one, { query }])).json() as Result[];
    expect([codesOf(first), second?.data]).toEqual([['BAD_REQUEST'], { hello: 'Hello world' }]);
  });

  it.each(['', 'query=', 'query={hello}&variables=[1', 'query={hello}&extensions=5'])(
    'is the error of its client as a form or URL: %s',
    async (form) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', 'graphql-require-preflight': '1' };
      for (const response of [await post(url, form, { headers }), await fetch(`${url}/graphql?${form}`)])
        expect(codesOf(await response.json())).toEqual(['BAD_REQUEST']);
    },
  );

  it.each(['null', '[null]', '[]', '{"query":""}', '{"query":"{hello}","variables":"x"}'])(
    'is the error of its client as multipart: %s',
    async (operations) => {
      const body = new FormData();
      body.set('operations', operations);
      body.set('map', '{}');
      const headers = { 'graphql-require-preflight': '1' };
      const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
      expect(codesOf(await response.json())).toEqual(['BAD_REQUEST']);
    },
  );
});

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const wide = (count: number) => `[${Array.from({ length: count }, () => '0').join()}]`;

describe.each([
  ['is too deep', nested(64)],
  ['has too many values', wide(10_000)],
  ['is too deep and has no end', `{"a":${'['.repeat(100)}`],
])('JSON that %s', (_how, json) => {
  const extra = `{"a":${json}}`;
  const encoded = (name: string) => `query={hello}&${name}=${encodeURIComponent(extra)}`;
  const formHeaders = { 'content-type': 'application/x-www-form-urlencoded', 'graphql-require-preflight': '1' };
  const expectRefusal = async (response: { status: number; json(): unknown }) => {
    const { errors } = (await response.json()) as Result;
    expect([response.status, errors]).toEqual([
      400,
      [{ message: jsonBoundsMessage, extensions: { code: 'BAD_REQUEST' } }],
    ]);
  };

  it.each([extra, `[${extra}]`, `{"query":"{ hello }","variables":${extra}}`])(
    'is refused as a body before it is parsed: %#',
    async (body) => {
      await expectRefusal(await post(url, body));
      await expectRefusal(await post(url, body, { headers: { 'content-type': 'application/graphql+json' } }));
    },
  );

  it.each(['variables', 'extensions'])('is refused as %s of a form before it is parsed', async (name) => {
    await expectRefusal(await post(url, encoded(name), { headers: formHeaders }));
  });

  it.each(['operations', 'map'])('is refused as %s of a multipart request before it is parsed', async (name) => {
    const body = new FormData();
    for (const field of ['operations', 'map']) body.set(field, field === name ? extra : '{"query":"{ hello }"}');
    const headers = { 'graphql-require-preflight': '1' };
    await expectRefusal(await fetch(`${url}/graphql`, { method: 'POST', headers, body }));
  });

  it('closes a WebSocket with 4400', async () => {
    const socket = await openSocket(url);
    socket.send(`{"type":"ping","payload":${extra}}`);
    expect((await socket.closed).code).toBe(4400);
  });
});

describe('JSON in a URL', () => {
  it.each(['variables', 'extensions'])('is refused as %s before it is parsed if it is too deep', async (name) => {
    const { status, ...response } = await get(`query={hello}&${name}={"a":${nested(64)}}`);
    expect([status, response.body]).toEqual([
      400,
      { errors: [expect.objectContaining({ message: jsonBoundsMessage })] },
    ]);
  });

  it('may be as deep as the bound', async () => {
    expect((await get(`query={hello}&variables={"a":${nested(63)}}`)).body).toEqual({ data: { hello: 'Hello world' } });
  });

  async function get(search: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${url}/graphql?${search}`, { headers: { 'graphql-require-preflight': '1' } });
    return { status: response.status, body: await response.json() };
  }
});

describe('a malformed message over a WebSocket', () => {
  it.each([
    { query: 5 },
    { query, variables: [] },
    { query, variables: 'x' },
    { query, operationName: {} },
    { query, extensions: 5 },
    null,
  ])('closes it with 4400: %j', async (payload) => {
    const socket = await openSocket(url);
    socket.send({ id: '1', type: 'subscribe', payload });
    expect((await socket.closed).code).toBe(4400);
  });

  it.each([
    `{"type":"ping","payload":{"a":${nested(50_000)}}}`,
    `{"type":"subscribe","id":"1","payload":{"query":"${query}","variables":{"a":${nested(50_000)}}}}`,
    `{"type":"ping","payload":{"a":${nested(63)}}}`,
  ])('closes it with 4400 if it is nested too deeply', async (message) => {
    const socket = await openSocket(url);
    socket.send(message);
    expect((await socket.closed).code).toBe(4400);
  });

  it('may contain any brackets within a text', async () => {
    const socket = await openSocket(url);
    socket.send({ type: 'ping', payload: { text: `"\\${'['.repeat(500)}` } });
    expect(await socket.next()).toMatchObject({ type: 'pong' });
    socket.send(`{"type":"ping","payload":{"a":${nested(62)}}}`);
    expect(await socket.next()).toMatchObject({ type: 'pong' });
    socket.socket.terminate();
  });

  it('fails its operation if the text of the operation is empty', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', '');
    const { payload } = await socket.next();
    expect(payload?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_REQUEST' }]);
    socket.socket.terminate();
  });

  it.each([
    [{ query: ' ' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '#' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '{}' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: 'fragment F on Query { hello }' }, 'BAD_REQUEST'],
    [{ query: 'type A { a: Int }' }, 'BAD_REQUEST'],
    [{ query: '{ nope }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: 'query A { nope }', operationName: 'Nope' }, 'BAD_REQUEST'],
    [{ query, operationName: 'Nope' }, 'BAD_REQUEST'],
    [{ query: 'query A { hello } query B { hello }' }, 'BAD_REQUEST'],
  ])('fails its operation with the code of HTTP, and no status: %j', async (payload, code) => {
    const socket = await openSocket(url);
    socket.send({ id: '1', type: 'subscribe', payload });
    expect((await socket.next()).payload?.map(({ extensions }) => extensions)).toEqual([{ code }]);
    expect((await post(url, payload)).json()).toMatchObject({ errors: [{ extensions: { code } }] });
    socket.socket.terminate();
  });

  it.each([
    { query, operationName: '' },
    { query, operationName: null, variables: null, extensions: null },
    { query, extensions: { persistedQuery: 5 }, id: 'x' },
  ])('may have empty and unknown parameters: %j', async (payload) => {
    const socket = await openSocket(url);
    socket.send({ id: '1', type: 'subscribe', payload });
    expect(await socket.next()).toMatchObject({ type: 'next', payload: { data: { hello: 'Hello world' } } });
    socket.socket.terminate();
  });

  it.each<object>([
    { authorization: {} },
    { Authorization: ['Bearer x'] },
    { authorization: { toString: 5 } },
    { token: { toString: null } },
    { token: 5 },
  ])('is refused as a token: %j', async (payload) => {
    const raw = await openRaw(url);
    raw.send({ type: 'connection_init', payload });
    expect((await raw.closed).code).toBe(4403);
  });
});

describe('a subscription with a condition at its root', () => {
  it.each([
    'subscription { forever @skip(if: true) }',
    'subscription { forever @include(if: true) }',
    'subscription { ...Root @skip(if: true) } fragment Root on Subscription { forever }',
    'subscription { ...Root } fragment Root on Subscription { ... @include(if: false) { forever } }',
  ])('is invalid: %s', async (query) => {
    const response = await post(url, { query });
    expect(codesOf(response.json())).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    const socket = await openSocket(url);
    socket.subscribe('1', query);
    expect(await socket.next()).toMatchObject({ type: 'error', payload: [{ message: /`@skip` or `@include`/ }] });
    socket.socket.terminate();
  });
});

describe('wrong variables', () => {
  let count = 0;
  const Picky = new GraphQLScalarType({
    name: 'Picky',
    parseValue() {
      count++;
      throw new GraphQLError('This value is wrong.');
    },
  });
  const typeDefs = /* GraphQL */ `
    scalar Picky
    type Query { many(values: [Picky!], first: Int): Int }
    type Subscription { many(values: [Picky!]): Int }
  `;
  const variables = { values: Array.from({ length: 3_000 }, () => 'wrong') };
  let picky: Awaited<ReturnType<typeof startGateway>>;

  beforeAll(async () => {
    picky = await startGateway({ schema: createSchema<Context>({ typeDefs, resolvers: { Picky } }) });
  });
  afterAll(() => picky.gateway.stop());

  describe.each(['query', 'subscription'])('of a %s are read only up to a few errors', (operation) => {
    const query = `${operation} ($values: [Picky!]) { many(values: $values) }`;
    /** Ten wrong values, and one error that says that there are others. */
    const expected = [...Array.from({ length: 10 }, () => 'BAD_USER_INPUT'), 'BAD_REQUEST'];
    beforeEach(() => {
      count = 0;
    });

    it('over HTTP', async () => {
      expect(codesOf((await post(picky.url, { query, variables })).json())).toEqual(expected);
      expect(count).toBe(11);
    });

    it('in a batch', async () => {
      const batch = Array.from({ length: 3 }, () => ({ query, variables }));
      expect(codesOf((await post(picky.url, batch)).json())).toEqual([...expected, ...expected, ...expected]);
      expect(count).toBe(33);
    });

    it('over server-sent events', async () => {
      const { text } = await post(picky.url, { query, variables }, { headers: { accept: 'text/event-stream' } });
      expect(text.match(/"code":"BAD_USER_INPUT"/g)).toHaveLength(10);
      expect(count).toBe(11);
    });

    it('over a WebSocket', async () => {
      const socket = await openSocket(picky.url);
      socket.subscribe('1', query, variables);
      const { payload } = await socket.next();
      expect([payload].flat().flatMap((one) => (one && 'errors' in one ? one.errors : one))).toHaveLength(11);
      expect(count).toBe(11);
      socket.socket.terminate();
    });
  });

  it('do not repeat a long name in every error', async () => {
    const name = 'N'.repeat(30_000);
    const uses = Array.from({ length: 29 }, (_, n) => `a${n}: many(first: $b)`).join(' ');
    const { text } = await post(picky.url, { query: `query ${name} { ${uses} }` });
    expect(JSON.parse(text).errors).toHaveLength(29);
    expect(text.length).toBeLessThan(60_000);
  });
});
