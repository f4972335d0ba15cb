import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { execute, post, type Result, refusal } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

const spec = { accept: 'application/graphql-response+json' };

describe('an operation over HTTP', () => {
  it('is answered by POST and by GET', async () => {
    expect(await execute(url, 'query ($name: String) { hello(name: $name) }', { variables: { name: 'Ada' } })).toEqual({
      data: { hello: 'Hello Ada' },
    });
    const response = await fetch(`${url}/graphql?query={hello}`, { headers: { accept: 'application/json' } });
    expect(await response.json()).toEqual({ data: { hello: 'Hello world' } });
  });

  it('says what is wrong with a GET whose variables are no JSON', async () => {
    const response = await fetch(`${url}/graphql?query={hello}&variables={`, {
      headers: { accept: 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  it('cannot change anything by GET', async () => {
    const response = await fetch(`${url}/graphql?query=mutation{touch}`, { headers: { accept: 'application/json' } });
    expect(response.status).toBe(405);
    expect((await response.json()) as Result).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  it('tells a caller without a token to sign in', async () => {
    expect(await refusal(url, '{ viewer }')).toMatchObject({
      message: expect.stringContaining('Sign in'),
      extensions: { code: 'UNAUTHENTICATED' },
      path: ['viewer'],
    });
  });

  it('knows its viewer by the token', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    expect(await execute(url, '{ viewer }', { token })).toEqual({ data: { viewer: viewer.userId } });
  });

  it('is not failed by a token that is refused, unless it needs a viewer, who is then told why', async () => {
    expect(await execute(url, '{ hello }', { token: 'forged' })).toEqual({ data: { hello: 'Hello world' } });
    expect(await refusal(url, '{ viewer }', { token: 'forged' })).toMatchObject({
      message: expect.stringContaining('not valid'),
      extensions: { code: 'UNAUTHENTICATED' },
    });
  });

  it('may be asked for by any origin, without credentials', async () => {
    const { headers } = await post(url, { query: '{ hello }' }, { headers: { origin: 'https://elsewhere.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('https://elsewhere.example');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('is allowed its token by a preflight', async () => {
    const { status, headers } = await fetch(`${url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://elsewhere.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
  });

  it('is stored by its hash and asked for by it alone afterwards', async () => {
    const query = '{ hello(name: "hash") }';
    const extensions = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } };
    expect((await post(url, { extensions })).json()).toMatchObject({
      errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    });
    await post(url, { query, extensions });
    expect((await post(url, { extensions })).json()).toEqual({ data: { hello: 'Hello hash' } });
  });

  it('comes from the address of its socket, whatever it says', async () => {
    const headers = { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' };
    expect(await execute(url, '{ address }', { headers })).toEqual({ data: { address: '127.0.0.1' } });
  });

  it('comes from the last forwarded address where a proxy is trusted', async () => {
    const trusting = await startGateway({ trustProxy: true });
    const headers = { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' };
    expect(await execute(trusting.url, '{ address }', { headers })).toEqual({ data: { address: '203.0.113.9' } });
    await trusting.gateway.stop();
  });
});

describe('an error over HTTP', () => {
  it('of a rule has its code and extensions, and leaves the rest of the answer intact', async () => {
    const { data, errors } = await execute(url, '{ hello conflict hurried }');
    expect(data).toEqual({ hello: 'Hello world', conflict: null, hurried: null });
    expect(errors).toEqual([
      expect.objectContaining({
        message: 'The address is taken.',
        path: ['conflict'],
        extensions: { code: 'CONFLICT' },
      }),
      expect.objectContaining({ path: ['hurried'], extensions: { code: 'RATE_LIMITED', retryAfterMs: 250 } }),
    ]);
  });

  it('of a database that is away is UNAVAILABLE, to be retried, and tells nothing of it', async () => {
    const { message, extensions } = await refusal(url, '{ away }');
    expect(extensions).toEqual({ code: 'UNAVAILABLE', retryable: true });
    expect(message).not.toContain('10.0.0.7');
  });

  it('that nobody foresaw is masked, and logged once under the id that the answer names', async () => {
    const { lines } = running.backstage.logger;
    lines.length = 0;
    const answer = await post(url, { query: '{ broken }' }, { headers: { 'x-request-id': 'asked-for-1' } });
    expect(answer.text).not.toContain('swordfish');
    expect(answer.json()).toMatchObject({
      data: { broken: null },
      errors: [{ path: ['broken'], extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'asked-for-1' } }],
    });
    expect(answer.headers.get('x-request-id')).toBe('asked-for-1');
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { level: 'error', facts: { requestId: 'asked-for-1', error: { message: 'the password is swordfish' } } },
    ]);
  });

  it('has a request id of its own where the client gives an unusual one', async () => {
    const headers = { 'x-request-id': 'x'.repeat(1_000) };
    const answer = await post(url, { query: '{ broken }' }, { headers });
    const { errors } = answer.json() as Result;
    expect(errors?.[0]?.extensions['requestId']).toMatch(/^[\da-f-]{36}$/);
    expect(answer.headers.get('x-request-id')).toBe(errors?.[0]?.extensions['requestId']);
  });

  it.each([
    ['malformed JSON', '{"query":'],
    ['JSON that is no object', '"{ hello }"'],
    ['nothing to do', '{}'],
    ['a query that is no string', '{"query":7}'],
    ['variables that are no object', '{"query":"{ hello }","variables":[]}'],
    ['an unknown operation name', '{"query":"query A { hello } query B { hello }","operationName":"C"}'],
    ['no operation name among several', '{"query":"query A { hello } query B { hello }"}'],
  ])('of %s is BAD_REQUEST', async (_name, body) => {
    const answer = await post(url, body);
    expect(answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    expect(answer.json()).not.toHaveProperty('data');
  });

  it('of malformed JSON has status 400', async () => {
    const { status, text } = await post(url, '{"query":', { headers: spec });
    expect(status).toBe(400);
    expect(text).not.toContain('node_modules');
  });

  it('of syntax is GRAPHQL_PARSE_FAILED', async () => {
    const answer = await post(url, { query: '{ hello' }, { headers: spec });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] });
    expect((await refusal(url, '{ hello')).extensions.code).toBe('GRAPHQL_PARSE_FAILED');
  });

  it('of an unknown field is GRAPHQL_VALIDATION_FAILED', async () => {
    const answer = await post(url, { query: '{ nothing }' }, { headers: spec });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      errors: [{ message: expect.stringContaining('nothing'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    });
  });

  it.each([
    ['a missing variable', 'query ($value: Int!) { count(value: $value) }', {}, 'value'],
    ['a variable of another type', 'query ($value: Int!) { count(value: $value) }', { value: 'many' }, 'value'],
    ['a missing field of an input', 'query ($input: Named!) { named(input: $input) }', { input: {} }, 'input'],
    [
      'a wrong field deep in an input',
      'query ($input: Named!) { named(input: $input) }',
      { input: { name: 'Ada', inner: { count: 'x' } } },
      'input.inner.count',
    ],
    [
      'an unknown field of an input',
      'query ($input: Named!) { named(input: $input) }',
      { input: { name: 'Ada', age: 7 } },
      'input',
    ],
  ])('of %s is BAD_USER_INPUT that names the field', async (_name, query, variables, path) => {
    const { extensions } = await refusal(url, query, { variables });
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path, message: expect.any(String) }] });
  });

  it('of several wrong variables names each', async () => {
    const query = 'query ($a: Int!, $b: Int!) { a: count(value: $a) b: count(value: $b) }';
    const { errors } = await execute(url, query, { variables: { a: 'x', b: 'y' } });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT']);
  });
});

describe('a batch', () => {
  it('is answered in order, each operation by itself', async () => {
    const operations = [
      { query: '{ hello }' },
      { query: 'query ($value: Int!) { count(value: $value) }', variables: { value: 'x' } },
      { query: '{ hello' },
      { query: '{ nothing }' },
      { query: '{ broken hello }' },
      { query: 7 },
      { query: '{ hello(name: "again") }' },
    ];
    const answers = (await post(url, operations)).json() as Result[];
    expect(answers.map(({ data }) => data ?? null)).toEqual([
      { hello: 'Hello world' },
      null,
      null,
      null,
      { broken: null, hello: 'Hello world' },
      null,
      { hello: 'Hello again' },
    ]);
    expect(answers.map(({ errors }) => errors?.[0]?.extensions.code)).toEqual([
      undefined,
      'BAD_USER_INPUT',
      'GRAPHQL_PARSE_FAILED',
      'GRAPHQL_VALIDATION_FAILED',
      'INTERNAL_SERVER_ERROR',
      'BAD_REQUEST',
      undefined,
    ]);
  });

  it('has one viewer for all operations', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    const answers = (await post(url, [{ query: '{ viewer }' }, { query: '{ viewer }' }], { token })).json();
    expect(answers).toEqual([{ data: { viewer: viewer.userId } }, { data: { viewer: viewer.userId } }]);
  });

  it('of more than ten operations is refused', async () => {
    const answer = await post(
      url,
      Array.from({ length: 11 }, () => ({ query: '{ hello }' })),
    );
    expect(answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });
});

describe('a query that asks too much', () => {
  it.each([
    ['too deep', `{ ${'chain { '.repeat(40)} leaf ${'}'.repeat(40)} }`],
    ['too deep by a fragment', `{ ...A } fragment A on Query { ${'chain { '.repeat(40)} leaf ${'}'.repeat(40)} }`],
    ['of too many aliases', `{ ${Array.from({ length: 50 }, (_, n) => `a${n}: hello`).join(' ')} }`],
    ['of too many tokens', `{ ${'hello '.repeat(3_000)} }`],
    ['of a fragment within itself', '{ ...A } fragment A on Query { hello ...A }'],
  ])('%s is refused, and says so', async (_name, query) => {
    const { errors, data } = await execute(url, query);
    expect(data ?? null).toBeNull();
    expect(['BAD_REQUEST', 'GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED']).toContain(
      errors?.[0]?.extensions.code,
    );
    expect(errors?.[0]?.message).toMatch(/depth|alias|token|itself/i);
  });

  it('is not the introspection of tools', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    expect(await execute(url, getIntrospectionQuery({ inputValueDeprecation: true }))).toHaveProperty('data.__schema');
  });

  it('by its bytes is refused as TOO_LARGE with the limit, as soon as they come', async () => {
    const answer = await post(url, { query: '{ hello }', variables: { padding: 'x'.repeat(2 ** 20) } });
    expect(answer.status).toBe(413);
    expect(answer.json()).toMatchObject({ errors: [{ extensions: { code: 'TOO_LARGE', limit: 1_048_576 } }] });
  });

  it('by its bytes is refused too when it does not say how many they are', async () => {
    const answer = await sendChunks(url, 3_000);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('TOO_LARGE');
  });
});

/** Posts in chunks of 1 KiB until the server answers. */
function sendChunks(target: string, count: number): Promise<string> {
  const { port } = new URL(target);
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    const done = () => resolve(answer);
    socket.on('data', (data) => {
      answer += String(data);
      if (answer.includes('errors')) socket.destroy();
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.write(
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    for (let n = 0; n < count; n++) socket.write(`400\r\n${' '.repeat(1_024)}\r\n`);
  });
}
