import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { execute, executeFailing, post, type Result } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

const spec = { accept: 'application/graphql-response+json' };

describe('an operation over HTTP', () => {
  it('is executed by POST and by GET', async () => {
    expect(await execute(url, 'query ($name: String) { hello(name: $name) }', { variables: { name: 'Ada' } })).toEqual({
      data: { hello: 'Hello Ada' },
    });
    const response = await fetch(`${url}/graphql?query={hello}`, { headers: { accept: 'application/json' } });
    expect(await response.json()).toEqual({ data: { hello: 'Hello world' } });
  });

  it('is BAD_REQUEST if the variables of a GET are not JSON', async () => {
    const response = await fetch(`${url}/graphql?query={hello}&variables={`, {
      headers: { accept: 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  it('is rejected with 405 if it is a mutation by GET', async () => {
    const response = await fetch(`${url}/graphql?query=mutation{touch}`, { headers: { accept: 'application/json' } });
    expect(response.status).toBe(405);
    expect((await response.json()) as Result).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  it('tells a caller without a token to sign in', async () => {
    expect(await executeFailing(url, '{ viewer }')).toMatchObject({
      message: expect.stringContaining('Sign in'),
      extensions: { code: 'UNAUTHENTICATED' },
      path: ['viewer'],
    });
  });

  it('has the viewer that its token identifies', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    expect(await execute(url, '{ viewer }', { token })).toEqual({ data: { viewer: viewer.userId } });
  });

  it('ignores an invalid token, and fails with the reason only if it needs a viewer', async () => {
    expect(await execute(url, '{ hello }', { token: 'forged' })).toEqual({ data: { hello: 'Hello world' } });
    expect(await executeFailing(url, '{ viewer }', { token: 'forged' })).toMatchObject({
      message: expect.stringContaining('not valid'),
      extensions: { code: 'UNAUTHENTICATED' },
    });
  });

  it('is allowed from every origin if the setting says so, without credentials', async () => {
    const open = await startGateway({ allowedOrigins: ['*'] });
    const { headers } = await post(
      open.url,
      { query: '{ hello }' },
      { headers: { origin: 'https://elsewhere.example' } },
    );
    expect(headers.get('access-control-allow-origin')).toBe('https://elsewhere.example');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    await open.gateway.stop();
  });

  it('may carry a token: preflight requests allow the header', async () => {
    const { status, headers } = await fetch(`${url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin: url,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
  });

  it('is stored under its hash, which replaces the text in later requests', async () => {
    const query = '{ hello(name: "hash") }';
    const extensions = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } };
    expect((await post(url, { extensions })).json()).toMatchObject({
      errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    });
    await post(url, { query, extensions });
    expect((await post(url, { extensions })).json()).toEqual({ data: { hello: 'Hello hash' } });
  });

  it('has the client address of its socket, not of its headers', async () => {
    const headers = { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' };
    expect(await execute(url, '{ address }', { headers })).toEqual({ data: { address: '127.0.0.1' } });
  });

  it('has the last forwarded client address if a proxy is trusted', async () => {
    const trusting = await startGateway({ trustProxy: 1 });
    const headers = { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' };
    expect(await execute(trusting.url, '{ address }', { headers })).toEqual({ data: { address: '203.0.113.9' } });
    await trusting.gateway.stop();
  });
});

describe('an error over HTTP', () => {
  it('of a rule has a code and extensions, and leaves the rest of the response intact', async () => {
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

  it('is UNAVAILABLE and retryable if the database is unavailable, without its details', async () => {
    const { message, extensions } = await executeFailing(url, '{ away }');
    expect(extensions).toEqual({ code: 'UNAVAILABLE', retryable: true });
    expect(message).not.toContain('10.0.0.7');
  });

  it('is UNAVAILABLE as well if the database refuses a statement, and is logged as an error', async () => {
    const { lines } = running.backstage.logger;
    lines.length = 0;
    const { message, extensions } = await executeFailing(url, '{ refused }');
    expect(extensions).toEqual({ code: 'UNAVAILABLE', retryable: true });
    expect(message).not.toContain('secret');
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { facts: { error: { name: 'StatementRefusedError' }, path: ['refused'] } },
    ]);
  });

  it('that is unexpected is masked, and logged once with the request id of the response', async () => {
    const { lines } = running.backstage.logger;
    lines.length = 0;
    const response = await post(url, { query: '{ broken }' }, { headers: { 'x-request-id': 'asked-for-1' } });
    expect(response.text).not.toContain('swordfish');
    expect(response.json()).toMatchObject({
      data: { broken: null },
      errors: [{ path: ['broken'], extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'asked-for-1' } }],
    });
    expect(response.headers.get('x-request-id')).toBe('asked-for-1');
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { level: 'error', facts: { requestId: 'asked-for-1', error: { message: 'the password is swordfish' } } },
    ]);
  });

  it('has a generated request id if the id of the client is not acceptable', async () => {
    const headers = { 'x-request-id': 'x'.repeat(1_000) };
    const response = await post(url, { query: '{ broken }' }, { headers });
    const { errors } = response.json() as Result;
    expect(errors?.[0]?.extensions['requestId']).toMatch(/^[\da-f-]{36}$/);
    expect(response.headers.get('x-request-id')).toBe(errors?.[0]?.extensions['requestId']);
  });

  it.each([
    ['malformed JSON', '{"query":'],
    ['JSON that is not an object', '"{ hello }"'],
    ['no query', '{}'],
    ['a query that is not a string', '{"query":7}'],
    ['variables that are not an object', '{"query":"{ hello }","variables":[]}'],
    ['an unknown operation name', '{"query":"query A { hello } query B { hello }","operationName":"C"}'],
    ['no operation name among several', '{"query":"query A { hello } query B { hello }"}'],
  ])('of %s is BAD_REQUEST', async (_name, body) => {
    const response = await post(url, body);
    expect(response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    expect(response.json()).not.toHaveProperty('data');
  });

  it('of malformed JSON has status 400', async () => {
    const { status, text } = await post(url, '{"query":', { headers: spec });
    expect(status).toBe(400);
    expect(text).not.toContain('node_modules');
  });

  it('of syntax is GRAPHQL_PARSE_FAILED', async () => {
    const response = await post(url, { query: '{ hello' }, { headers: spec });
    expect(response.status).toBe(400);
    expect(response.json()).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] });
    expect((await executeFailing(url, '{ hello')).extensions.code).toBe('GRAPHQL_PARSE_FAILED');
  });

  it('of an unknown field is GRAPHQL_VALIDATION_FAILED', async () => {
    const response = await post(url, { query: '{ nothing }' }, { headers: spec });
    expect(response.status).toBe(400);
    expect(response.json()).toMatchObject({
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
    const { extensions } = await executeFailing(url, query, { variables });
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path, message: expect.any(String) }] });
  });

  it('of several wrong variables names each', async () => {
    const query = 'query ($a: Int!, $b: Int!) { a: count(value: $a) b: count(value: $b) }';
    const { errors } = await execute(url, query, { variables: { a: 'x', b: 'y' } });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT']);
  });
});

describe('a batch', () => {
  it('returns one result per operation, in order, each independent of the others', async () => {
    const operations = [
      { query: '{ hello }' },
      { query: 'query ($value: Int!) { count(value: $value) }', variables: { value: 'x' } },
      { query: '{ hello' },
      { query: '{ nothing }' },
      { query: '{ broken hello }' },
      { query: 7 },
      { query: '{ hello(name: "again") }' },
    ];
    const results = (await post(url, operations)).json() as Result[];
    expect(results.map(({ data }) => data ?? null)).toEqual([
      { hello: 'Hello world' },
      null,
      null,
      null,
      { broken: null, hello: 'Hello world' },
      null,
      { hello: 'Hello again' },
    ]);
    expect(results.map(({ errors }) => errors?.[0]?.extensions.code)).toEqual([
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
    const results = (await post(url, [{ query: '{ viewer }' }, { query: '{ viewer }' }], { token })).json();
    expect(results).toEqual([{ data: { viewer: viewer.userId } }, { data: { viewer: viewer.userId } }]);
  });

  it('of more than ten operations is refused', async () => {
    const response = await post(
      url,
      Array.from({ length: 11 }, () => ({ query: '{ hello }' })),
    );
    expect(response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });
});

describe('a query above a limit', () => {
  it.each([
    ['too deep', `{ ${'chain { '.repeat(40)} leaf ${'}'.repeat(40)} }`],
    ['too deep by a fragment', `{ ...A } fragment A on Query { ${'chain { '.repeat(40)} leaf ${'}'.repeat(40)} }`],
    ['of too many aliases', `{ ${Array.from({ length: 50 }, (_, n) => `a${n}: hello`).join(' ')} }`],
    ['of too many tokens', `{ ${'hello '.repeat(3_000)} }`],
    ['of a fragment that contains itself', '{ ...A } fragment A on Query { hello ...A }'],
  ])('%s is refused with the reason', async (_name, query) => {
    const { errors, data } = await execute(url, query);
    expect(data ?? null).toBeNull();
    expect(['BAD_REQUEST', 'GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED']).toContain(
      errors?.[0]?.extensions.code,
    );
    expect(errors?.[0]?.message).toMatch(/depth|alias|token|itself/i);
  });

  it('does not include the introspection query of tools', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    expect(await execute(url, getIntrospectionQuery({ inputValueDeprecation: true }))).toHaveProperty('data.__schema');
  });

  it('of size is refused as TOO_LARGE with the limit, before it is read', async () => {
    const response = await post(url, { query: '{ hello }', variables: { padding: 'x'.repeat(2 ** 20) } });
    expect(response.status).toBe(413);
    expect(response.json()).toMatchObject({ errors: [{ extensions: { code: 'TOO_LARGE', limit: 1_048_576 } }] });
  });

  it('of size is refused even if it declares no length', async () => {
    const response = await sendChunks(url, 3_000);
    expect(response).toMatch(/^HTTP\/1\.1 413 /);
    expect(response).toContain('TOO_LARGE');
  });
});

/** Posts in chunks of 1 KiB until the server results. */
function sendChunks(target: string, count: number): Promise<string> {
  const { port } = new URL(target);
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    let response = '';
    const done = () => resolve(response);
    socket.on('data', (data) => {
      response += String(data);
      if (response.includes('errors')) socket.destroy();
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.write(
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    for (let n = 0; n < count; n++) socket.write(`400\r\n${' '.repeat(1_024)}\r\n`);
  });
}
