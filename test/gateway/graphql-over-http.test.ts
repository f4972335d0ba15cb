import { createHash } from 'node:crypto';
import { serverAudits } from 'graphql-http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { send } from '../support/raw-http.ts';
import type { Result } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  url = `${running.url}/graphql`;
});
afterEach(() => expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]));
afterAll(() => running.gateway.stop());

const json = 'application/json';
const graphql = 'application/graphql-response+json';
const events = 'text/event-stream';
const query = '{ hello }';
const subscription = 'subscription { numbers(upTo: 1) }';
const hello = { data: { hello: 'Hello world' } };

/** Posts a body as it is; `headers` replace the usual ones, and null removes one. */
async function post(body: string | Buffer, headers: Record<string, string | null> = {}) {
  const all = { 'content-type': json, accept: json, 'graphql-require-preflight': '1', ...headers };
  const sent = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== null);
  return read(await fetch(url, { method: 'POST', headers: sent, body: new Uint8Array(Buffer.from(body)) }));
}

async function get(search: string, headers: Record<string, string> = {}, method = 'GET') {
  return read(await fetch(`${url}?${search}`, { method, headers: { accept: json, ...headers } }));
}

/** Reads a response: its status, the essence of its type, and its JSON or text. */
async function read(response: Response) {
  const text = await response.text();
  const [type] = (response.headers.get('content-type') ?? '').split(';');
  return {
    status: response.status,
    type,
    headers: response.headers,
    body: type?.endsWith('json') ? parse(text) : text,
  };
}

const parse = (text: string) => (text === '' ? null : (JSON.parse(text) as Result & Result[]));
const codesOf = ({ body }: { body: unknown }) =>
  typeof body === 'string'
    ? body.match(/(?<="code":")\w+/g)
    : [body].flat().flatMap((one) => (one as Result | null)?.errors?.map(({ extensions }) => extensions.code) ?? []);
const text = (value: object) => JSON.stringify(value);

describe('the audits of graphql-http', () => {
  const audits = serverAudits({ url: () => url, fetchFn: fetch });

  it.each(audits.map(({ id, name, fn }) => [`${id} ${name}`, fn] as const))('%s', async (_name, audit) => {
    expect(await audit()).toMatchObject({ status: 'ok' });
  });
});

const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join(' ');

describe('the type of a response', () => {
  it.each([
    [json, json],
    [graphql, graphql],
    [events, events],
    ['*/*', json],
    ['application/*', json],
    ['text/*', events],
    ['APPLICATION/JSON', json],
    ['application/json; charset=utf-8', json],
    ['application/json;charset="UTF-8"', json],
    ['application/json;version=1', json],
    ['application/json ; q=1', json],
    ['application/json;q=abc', json],
    ['application/json;q=0.5, application/graphql-response+json;q=0.9', graphql],
    ['application/graphql-response+json;q=0.5, application/json;q=0.9', json],
    ['application/graphql-response+json, application/json;q=0.9', graphql],
    ['application/graphql-response+json, application/json', graphql],
    ['application/json, application/graphql-response+json', json],
    ['application/graphql-response+json;q=0, application/json', json],
    ['application/json;q=0, */*', graphql],
    ['*/*;q=0.1, application/graphql-response+json', graphql],
    ['application/json, text/event-stream', json],
    ['text/event-stream, application/json', json],
    ['text/event-stream, application/json;q=0.5', events],
    ['image/png, application/json;q=0.1', json],
    ['x, , application/json', json],
    ['text/plain;a="q,application/xml", application/json', json],
    ['multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json', graphql],
    ['multipart/mixed', 'multipart/mixed'],
    ['text/html;q=0.9, application/xml, */*;q=0.8', json],
  ])('is the one with the highest weight: %s', async (accept, type) => {
    expect(await post(text({ query }), { accept })).toMatchObject({ status: 200, type });
  });

  it.each([
    'image/png',
    'application/json;charset=latin1',
    'application/json;q=0',
    '*/*;q=0',
    'x',
    'application/graphql+json',
  ])('is refused with 406 if there is none: %s', async (accept) => {
    for (const response of [await post(text({ query }), { accept }), await get('query={hello}', { accept })])
      expect([response.status, response.type, codesOf(response)]).toEqual([406, json, ['BAD_REQUEST']]);
  });

  it('of a subscription must be a stream', async () => {
    for (const accept of [json, graphql, 'multipart/mixed, application/json'])
      expect(await post(text({ query: subscription }), { accept })).toMatchObject({ status: 406 });
    for (const accept of [events, '*/*', `${json}, ${events}`, `${graphql}, ${json}, ${events}, multipart/mixed`])
      expect(await post(text({ query: subscription }), { accept })).toMatchObject({ status: 200, type: events });
    await expect.poll(() => running.backstage.open).toBe(0);
  });
});

describe('the type of a body', () => {
  it.each([
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset="UTF-8"',
    'application/json ; charset=utf8',
    'application/json;',
    'application/json; odata=verbose',
    'application/graphql+json',
  ])('may be written in any form: %s', async (type) => {
    expect(await post(text({ query }), { 'content-type': type })).toMatchObject({ status: 200, body: hello });
  });

  it.each([
    ['application/x-www-form-urlencoded', 'query={hello}'],
    ['Application/X-WWW-Form-URLencoded; charset=UTF-8', 'query={hello}'],
    ['application/graphql', query],
    ['Application/GraphQL', query],
  ])('may be another one: %s', async (type, body) => {
    expect(await post(body, { 'content-type': type })).toMatchObject({ status: 200, body: hello });
  });

  it.each([
    [{ 'content-type': 'text/plain' }, 'accept'],
    [{ 'content-type': null }, 'accept'],
    [{ 'content-type': '' }, 'accept'],
    [{ 'content-type': 'json' }, 'accept'],
    [{ 'content-type': 'application/xml' }, 'accept'],
    [{ 'content-type': 'application/vnd.api+json' }, 'accept'],
    [{ 'content-type': 'application/json, text/plain' }, 'accept'],
    [{ 'content-type': 'application/json; charset=latin1' }, 'accept'],
    [{ 'content-type': 'application/json; charset=utf-16' }, 'accept'],
    [{ 'content-encoding': 'gzip' }, 'accept-encoding'],
    [{ 'content-encoding': 'BR' }, 'accept-encoding'],
  ])('is refused with 415 if it is not supported: %j', async (headers, advice) => {
    const response = await post(text({ query }), headers);
    expect([response.status, codesOf(response)]).toEqual([415, ['BAD_REQUEST']]);
    expect(response.headers.get(advice)).toEqual(expect.any(String));
  });

  it('may begin with a byte order mark, and must be UTF-8', async () => {
    expect(await post(`\ufeff${text({ query })}`, { 'content-encoding': 'identity' })).toMatchObject({ body: hello });
    const broken = await post(
      Buffer.concat([Buffer.from('{"query":"{ hello } #'), Buffer.from([0xff]), Buffer.from('"}')]),
    );
    expect([broken.status, codesOf(broken)]).toEqual([400, ['BAD_REQUEST']]);
    expect(await post(Buffer.from(text({ query }), 'utf16le'))).toMatchObject({ status: 400 });
  });
});

describe('a response', () => {
  it.each([
    ['GET', 200, { accept: json }],
    ['GET', 200, { accept: events }],
    ['HEAD', 200, {}],
    ['GET', 406, { accept: 'image/png' }],
    ['POST', 415, { 'content-type': 'text/plain' }],
    ['POST', 200, {}],
  ])('is kept by no cache, and names the headers that it depends on: %s, %i', async (method, status, headers) => {
    for (const origin of [{}, { origin: running.url }]) {
      const response = await fetch(`${running.url}/graphql?query={hello}`, {
        method,
        headers: { 'content-type': json, ...headers, ...origin },
        body: method === 'POST' ? text({ query }) : null,
      });
      await response.body?.cancel();
      expect(response.status).toBe(status);
      expect(response.headers.get('cache-control')).toMatch(/^no-store(, no-transform)?$/);
      expect(response.headers.get('vary')?.split(', ')).toEqual(
        expect.arrayContaining(['Accept', 'Accept-Encoding', 'Authorization', 'Origin']),
      );
    }
  });
});

describe('a well-formed request that fails', () => {
  it.each([
    [{ query: ' ' }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '#' }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '# a comment\n' }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '{}' }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '\0' }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: 'fragment F on Query { hello }' }, 400, 'BAD_REQUEST'],
    [{ query: 'type A { a: Int }' }, 400, 'BAD_REQUEST'],
    [{ query: 'query A { hello } query B { hello }' }, 400, 'BAD_REQUEST'],
    [{ query, operationName: 'Nope' }, 400, 'BAD_REQUEST'],
    [{ query: '{ nope }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: `{ hello } #${'x'.repeat(70_000)}` }, 413, 'TOO_LARGE'],
    [{ query: 'query ($n: Int!) { count(value: $n) }' }, 400, 'BAD_USER_INPUT'],
    [{ query: 'query ($n: Int!) { count(value: $n) }', variables: { n: null } }, 400, 'BAD_USER_INPUT'],
    [{ query: 'query ($n: Int!) { count(value: $n) }', variables: { n: 'one' } }, 400, 'BAD_USER_INPUT'],
    [{ query: 'query ($in: Named!) { named(input: $in) }', variables: { in: { name: 1 } } }, 400, 'BAD_USER_INPUT'],
    [{ query: 'subscription ($n: Int!) { numbers(upTo: $n) }', variables: { n: 1.5 } }, 400, 'BAD_USER_INPUT'],
    [{ query: `{ ${'chain { '.repeat(12)} leaf ${'}'.repeat(13)}` }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: `{ ${times(31, (n) => `a${n}: hello`)} }` }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: `{ ${times(2_001, () => 'hello')} }` }, 400, 'GRAPHQL_PARSE_FAILED'],
    [{ query: 'subscription { mine }' }, 401, 'UNAUTHENTICATED'],
    [{ query: 'subscription { resync }' }, 409, 'RESYNC_REQUIRED'],
    [{ extensions: { persistedQuery: { version: 1, sha256Hash: 'unknown' } } }, 400, 'PERSISTED_QUERY_NOT_FOUND'],
    [{ query, extensions: { persistedQuery: { version: 1, sha256Hash: 'wrong' } } }, 400, 'BAD_REQUEST'],
  ])('has its status as GraphQL response, and 200 as JSON and as a stream: %#', async (params, status, code) => {
    const statusAs = async (accept: string) => {
      const response = await post(text(params), { accept });
      expect(codesOf(response)).toEqual([code]);
      return response.status;
    };
    expect(await statusAs(graphql)).toBe(status);
    expect(await statusAs(json)).toBe(200);
    expect(await statusAs(events)).toBe(200);
  });

  it('names the scheme of the token with 401', async () => {
    const { headers } = await post(text({ query: 'subscription { mine }' }), { accept: graphql });
    expect(headers.get('www-authenticate')).toBe('Bearer');
  });
});

describe('a malformed request', () => {
  it.each([
    '',
    ' ',
    '{',
    '5',
    'null',
    '"x"',
    '{}',
    `${text({ query })} x`,
    `${text({ query })}${text({ query })}`,
    `{"query":"{ hello }",}`,
    `{'query':'{ hello }'}`,
    '{"query":NaN}',
    text({ query: '' }),
    text({ query: null }),
    text({ query: 5 }),
    text({ query, operationName: 5 }),
    text({ query, operationName: false }),
    text({ query, operationName: [] }),
    text({ query, variables: '{}' }),
    text({ query, variables: false }),
    text({ query, extensions: 0 }),
    text({ query, extensions: { persistedQuery: 5 } }),
    text({ query, extensions: { persistedQuery: { version: 2, sha256Hash: 'x' } } }),
    text({ extensions: { persistedQuery: { version: '1', sha256Hash: 'x' } } }),
    text({ extensions: { persistedQuery: { version: 1, sha256Hash: 5 } } }),
    text({ extensions: { persistedQuery: { version: 1 } } }),
    text({ extensions: { persistedQuery: null } }),
    '[]',
    text([{ query }, ...Array.from({ length: 10 }, () => ({ query }))]),
  ])('has an error status as either JSON type, and its code as a stream: %s', async (body) => {
    for (const accept of [json, graphql]) {
      const response = await post(body, { accept });
      expect([400, 413]).toContain(response.status);
      expect(codesOf(response)).toEqual(['BAD_REQUEST']);
    }
    const streamed = await post(body, { accept: events });
    expect([streamed.status, streamed.type, codesOf(streamed)]).toEqual([200, events, ['BAD_REQUEST']]);
    expect(streamed.body).toContain('event: complete');
  });

  it.each(['variables', 'operationName', 'extensions', 'id', 'documentId'])('may have null as `%s`', async (name) => {
    expect(await post(text({ query, [name]: null }))).toMatchObject({ status: 200, body: hello });
  });

  it('may have other parameters and an empty name, which are ignored', async () => {
    expect(await post(`{"query":"{ hello }","operationName":"","id":"x","__proto__":1}`)).toMatchObject({
      body: hello,
    });
  });
});

describe('a batch', () => {
  const codesInBatch = async (...operations: unknown[]) =>
    ((await post(text(operations))).body as Result[]).map(({ errors }) => errors?.[0]?.extensions.code ?? 'none');

  it('fails for its bad operations alone', async () => {
    const miss = { extensions: { persistedQuery: { version: 1, sha256Hash: 'unknown' } } };
    const given = [
      { query },
      null,
      [],
      [{ query }],
      { query: '' },
      { query: '{ nope }' },
      miss,
      { query: subscription },
    ];
    expect(await codesInBatch(...given)).toEqual([
      'none',
      'BAD_REQUEST',
      'BAD_REQUEST',
      'BAD_REQUEST',
      'BAD_REQUEST',
      'GRAPHQL_VALIDATION_FAILED',
      'PERSISTED_QUERY_NOT_FOUND',
      'BAD_REQUEST',
    ]);
    await expect.poll(() => running.backstage.open).toBe(0);
  });

  it('cannot be streamed', async () => {
    const response = await post(text([{ query }]), { accept: events });
    expect([response.status, codesOf(response)]).toEqual([200, ['BAD_REQUEST']]);
  });
});

describe('an automatic persisted query', () => {
  const extensionsOf = (operation: string) => ({
    persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(operation).digest('hex') },
  });

  it('is stored by its text and found by its hash, in either case and by either method', async () => {
    const extensions = extensionsOf(query);
    expect((await post(text({ query, extensions }))).body).toEqual(hello);
    const { sha256Hash } = extensions.persistedQuery;
    const upper = { persistedQuery: { version: 1, sha256Hash: sha256Hash.toUpperCase() } };
    for (const params of [
      { extensions },
      { extensions: upper },
      { query: '', extensions },
      { query: null, extensions },
    ])
      expect((await post(text(params))).body).toEqual(hello);
    expect((await get(`extensions=${encodeURIComponent(text(extensions))}`)).body).toEqual(hello);
    expect((await post(text([{ extensions }, { query }]))).body).toEqual([hello, hello]);
  });

  it.each([
    [json, json, 200],
    ['*/*', json, 200],
    ['multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json', json, 200],
    ['application/graphql-response+json, application/json;q=0.9', json, 200],
    [graphql, graphql, 400],
  ])('that is unknown is JSON with status 200 if the client reads it: %s', async (accept, type, status) => {
    const response = await post(text({ extensions: extensionsOf('{ unknown }') }), { accept });
    expect(response).toMatchObject({ type, status, body: { errors: [{ message: 'PersistedQueryNotFound' }] } });
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});

describe('a request without a body', () => {
  const encoded = encodeURIComponent(query);
  const mutation = encodeURIComponent('query A { hello } mutation B { __typename }');

  it.each([
    `query=${encoded}`,
    `query=${encoded}&variables=&operationName=&extensions=`,
    `query=${encoded}&variables=null&extensions={}`,
    `query=${encoded}&unknown=1&other=%ZZ`,
    'query=%7B+hello+%7D',
    `query=${mutation}&operationName=A`,
  ])('is served: %s', async (search) => {
    expect(await get(search)).toMatchObject({ status: 200, body: hello });
    expect(await get(search, {}, 'HEAD')).toMatchObject({ status: 200, type: json, body: null });
  });

  it.each([
    ['', 400],
    ['query=', 400],
    [`query=${encoded}&variables={`, 400],
    [`query=${encoded}&variables=[]`, 400],
    [`query=${encoded}&variables=5`, 400],
    [`query=${encoded}&extensions=x`, 400],
    [`query=${encoded}&extensions=5`, 400],
    [`[{"query":"{hello}"}]`, 400],
    [`query=${mutation}&operationName=B`, 405],
    [`query=${encodeURIComponent('mutation { __typename }')}`, 405],
    [`query=${encodeURIComponent(subscription)}`, 406],
  ])('is refused: %s', async (search, status) => {
    for (const accept of [json, graphql]) {
      const response = await get(search, { accept });
      expect([response.status, codesOf(response)]).toEqual([status, ['BAD_REQUEST']]);
      if (status === 405) expect(response.headers.get('allow')).toBe('POST');
    }
    expect((await get(search, {}, 'HEAD')).status).toBe(status);
  });

  it.each(['GET', 'HEAD'])('by %s is read from its URL, also if it has a form', async (method) => {
    const { port } = new URL(url);
    const body =
      '--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"mutation{touch}"}\r\n--x--\r\n';
    const headers = ['Content-Type: multipart/form-data; boundary=x', `Content-Length: ${body.length}`];
    const given = { method, target: `/graphql?query=${encoded}`, headers, body };
    const response = await send(`http://127.0.0.1:${port}`, given);
    expect(response).toMatchObject({ status: 200, body: method === 'GET' ? JSON.stringify(hello) : '' });
  });

  it('may ask for the methods', async () => {
    const { status, headers } = await get('', {}, 'OPTIONS');
    expect([status, headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, PUT, DELETE, OPTIONS']);
  });
});
