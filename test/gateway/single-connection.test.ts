import { createClient, type RequestParams } from 'graphql-sse';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { UnauthenticatedError } from '../../api/errors.ts';
import { createOutboxes } from '../../api/live/outbox/outboxes.ts';
import { startGateway } from '../support/gateway.ts';
import { isStill, type Result } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;
const disposals: (() => void)[] = [];

beforeAll(async () => {
  running = await startGateway();
  url = `${running.url}/graphql`;
});
afterEach(async () => {
  for (const dispose of disposals.splice(0)) dispose();
  await vi.waitFor(() => expect(running.gateway.eventStreams()).toBe(0));
  expect(running.backstage.open).toBe(0);
});
afterAll(() => running.gateway.stop());

/** Creates a client of graphql-sse. */
function connect({ token, fetchFn = fetch, retryAttempts = 0 }: ConnectOptions = {}) {
  const client = createClient({
    url,
    singleConnection: true,
    retryAttempts,
    retry: async () => {},
    fetchFn,
    headers: () => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
  disposals.push(() => client.dispose());
  return client;
}

interface ConnectOptions {
  token?: string;
  fetchFn?: typeof fetch;
  retryAttempts?: number;
}

/** Follows an operation, and returns its results and how it ended. */
function follow(client: ReturnType<typeof connect>, request: RequestParams | string) {
  const results: unknown[] = [];
  let end: { isComplete: boolean; error?: unknown } | null = null;
  const stop = client.subscribe(typeof request === 'string' ? { query: request } : request, {
    next: (result) => void results.push(summaryOf(result)),
    complete: () => {
      end = { isComplete: true };
    },
    error: (error) => {
      end = { isComplete: false, error };
    },
  });
  return { results, stop, end: () => end, ended: () => vi.waitFor(() => expect(end).not.toBeNull()) };
}

/** Returns the value of the only field, or the code of the first error. */
function summaryOf(result: unknown): unknown {
  const { data, errors } = result as Result;
  return errors?.[0]?.extensions.code ?? Object.values(data ?? {})[0];
}

/** Sends a request without a client library. */
async function send(method: string, options: SendOptions = {}) {
  const { stream, token, body, query = '', base = url } = options;
  const response = await fetch(`${base}${query}`, {
    method,
    headers: {
      ...(stream === undefined ? {} : { 'x-graphql-event-stream-token': stream }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

interface SendOptions {
  stream?: string;
  token?: string;
  body?: unknown;
  query?: string;
  base?: string;
  headers?: Record<string, string>;
}

const reserve = async (token?: string) => (await send('PUT', token === undefined ? {} : { token })).text;

/** Runs an operation over a stream. */
function operate(stream: string, query: string, options: SendOptions & { id?: string } = {}) {
  return send('POST', { stream, body: { query, extensions: { operationId: options.id ?? '1' } }, ...options });
}

/** Opens a stream. */
async function open(stream: string, headers: Record<string, string> = {}) {
  const controller = new AbortController();
  disposals.push(() => controller.abort());
  const response = await fetch(`${url}?token=${stream}`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: controller.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = '';
  /** Resolves with everything that was read, once it has a text; or, without one, when the stream has ended. */
  async function until(text?: string): Promise<string> {
    while (text === undefined || !read.includes(text)) {
      const { done = true, value } = (await reader?.read()) ?? {};
      if (done && text !== undefined) throw new Error(`the stream ended without ${text}: ${read}`);
      if (done) return read;
      read += value;
    }
    return read;
  }
  return { status: response.status, headers: response.headers, until, abort: () => controller.abort() };
}

const codeIn = (text: string) => (JSON.parse(text) as Result).errors?.[0]?.extensions.code;

describe('graphql-sse with a single connection', () => {
  it.each([
    ['{ hello }', ['Hello world']],
    ['mutation { touch }', [1]],
    ['subscription { numbers(upTo: 3) }', [1, 2, 3]],
    ['{ conflict }', ['CONFLICT']],
    ['subscription { removed }', [1, 'FORBIDDEN']],
    ['subscription { broken }', [1, 'INTERNAL_SERVER_ERROR']],
  ])('gets the results of %s', async (query, results) => {
    const followed = follow(connect(), query);
    await followed.ended();
    expect([followed.results, followed.end()]).toEqual([results, { isComplete: true }]);
  });

  it.each([
    ['subscription { mine }', 'UNAUTHENTICATED'],
    ['subscription { resync }', 'RESYNC_REQUIRED'],
    ['subscription { nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['', 'BAD_REQUEST'],
  ])('sees at once why an operation is refused: %s', async (query, code) => {
    const followed = follow(connect(), query);
    await followed.ended();
    expect([followed.results, followed.end()]).toEqual([[code], { isComplete: true }]);
  });

  it('runs several subscriptions over one stream, and shares the executions of audiences', async () => {
    const client = connect();
    const [first, second] = [follow(client, 'subscription { typing }'), follow(client, 'subscription { typing }')];
    const other = follow(client, 'subscription { forever }');
    await vi.waitFor(() => expect(other.results).toEqual([1]));
    await vi.waitFor(() => expect(running.backstage.open).toBe(3));
    running.backstage.signal();
    running.backstage.signal();
    await vi.waitFor(() => expect(first.results).toHaveLength(2));
    await vi.waitFor(() => expect(second.results).toEqual(first.results));
    expect(running.gateway.eventStreams()).toBe(1);
    first.stop();
    await vi.waitFor(() => expect(running.backstage.open).toBe(2));
    running.backstage.signal();
    await vi.waitFor(() => expect(second.results).toHaveLength(3));
    expect(first.results).toHaveLength(2);
  });

  it('subscribes again, over a new stream, when its connection is lost', async () => {
    const controllers: AbortController[] = [];
    const droppable: typeof fetch = (input, init) => {
      const controller = new AbortController();
      if (init?.method === 'GET') controllers.push(controller);
      return fetch(input, { ...init, signal: AbortSignal.any([init?.signal as AbortSignal, controller.signal]) });
    };
    const followed = follow(connect({ fetchFn: droppable, retryAttempts: 5 }), 'subscription { forever }');
    await vi.waitFor(() => expect(followed.results).toEqual([1]));
    controllers[0]?.abort(new Error('the network is down'));
    await vi.waitFor(() => expect(followed.results).toEqual([1, 1]));
    expect(controllers).toHaveLength(2);
    followed.stop();
    await followed.ended();
  });

  it.each([
    ['expires', { ttlMs: 2_000 }, () => {}],
    ['is revoked', {}, (viewer: Viewer) => running.backstage.auth.revoke(viewer)],
  ])('sees in each subscription that its session %s', async (_how, options, act) => {
    const { token, viewer } = running.backstage.auth.signIn(options);
    const client = connect({ token });
    const all = ['subscription { mine }', 'subscription { forever }'].map((query) => follow(client, query));
    for (const { results } of all) await vi.waitFor(() => expect(results).toEqual([1]));
    expect(running.backstage.connected.get(viewer.userId)).toBe(1);
    act(viewer);
    for (const { results, ended, end } of all) {
      await ended();
      expect([results, end()]).toEqual([[1, 'UNAUTHENTICATED'], { isComplete: true }]);
    }
    await vi.waitFor(() => expect(running.backstage.connected.get(viewer.userId)).toBe(0));
    expect(running.backstage.auth.watched()).toBe(0);
  });

  it('is refused with a bad token', async () => {
    const followed = follow(connect({ token: 'nonsense' }), '{ hello }');
    await followed.ended();
    expect(followed.end()).toMatchObject({ error: { message: 'Server responded with 401: Unauthorized' } });
  });

  it('sends the hash of a persisted query, then its text', async () => {
    const query = '{ count(value: 7) }';
    const { createHash } = await import('node:crypto');
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const results: unknown[] = [];
    for (const request of [{ extensions }, { query, extensions }, { extensions }]) {
      const followed = follow(connect(), request as RequestParams);
      await followed.ended();
      results.push(...followed.results);
    }
    expect(results).toEqual(['PERSISTED_QUERY_NOT_FOUND', 7, 7]);
  });
});

type Viewer = Parameters<typeof running.backstage.auth.revoke>[0];

describe('a reservation', () => {
  it('is a token as text, with which EventSource opens the stream', async () => {
    const { token } = running.backstage.auth.signIn();
    const reserved = await send('PUT', { token });
    expect([reserved.status, reserved.headers.get('content-type')]).toEqual([201, 'text/plain; charset=utf-8']);
    expect(reserved.headers.get('x-graphql-event-stream-node')).toBe(reserved.text.split('.')[0]);
    const stream = await open(reserved.text);
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(stream.headers.get('x-accel-buffering')).toBe('no');
    const accepted = await operate(reserved.text, '{ viewer }', { token, id: 'a "b"' });
    expect([accepted.status, accepted.text]).toEqual([202, '']);
    const text = await stream.until('event: complete');
    expect(text).toMatch(/^:\n\nevent: next\ndata: \{"id":"a \\"b\\"","payload":\{"data":\{"viewer":"[^"]+"\}\}\}\n\n/);
    expect(text).toMatch(/event: complete\ndata: \{"id":"a \\"b\\""\}\n\n$/);
  });

  it('keeps the events of operations until the stream is opened', async () => {
    const token = await reserve();
    expect((await operate(token, 'subscription { numbers(upTo: 2) }')).status).toBe(202);
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
    expect(await (await open(token)).until('event: complete')).toContain('{"data":{"numbers":2}}');
  });

  it('has one reader, and ends with it', async () => {
    const token = await reserve();
    const reader = await open(token);
    const again = await send('GET', { stream: token, headers: { accept: 'text/event-stream' } });
    expect([again.status, codeIn(again.text)]).toEqual([409, 'CONFLICT']);
    await operate(token, 'subscription { forever }');
    await reader.until('forever');
    reader.abort();
    await vi.waitFor(() => expect(running.gateway.eventStreams()).toBe(0));
    expect((await open(token)).status).toBe(404);
  });

  it('gets a new stream for a client that still has the token of another', async () => {
    const first = await reserve();
    const second = await send('PUT', { stream: first });
    expect(second.status).toBe(201);
    expect(second.text).not.toBe(first);
    for (const token of [first, second.text]) (await open(token)).abort();
  });

  it('counts as a connection of its user, its address and the node', async () => {
    for (const bounds of [
      { maxConnectionsPerUser: 2 },
      { maxConnectionsPerAddress: 2 },
      { maxConnections: 2 },
      { maxAnonymousPerAddress: 2 },
    ]) {
      const bounded = await startGateway(bounds);
      const token = 'maxAnonymousPerAddress' in bounds ? {} : { token: bounded.backstage.auth.signIn().token };
      const responses = [];
      for (let n = 0; n < 3; n++) responses.push(await send('PUT', { ...token, base: `${bounded.url}/graphql` }));
      expect(responses.map(({ status }) => status)).toEqual([201, 201, 503]);
      expect(codeIn(responses[2]?.text ?? '')).toBe('UNAVAILABLE');
      expect(responses[2]?.headers.get('retry-after')).toBe('1');
      await bounded.gateway.stop();
    }
  });

  it('expires if the stream is not opened', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const token = await reserve();
      expect(running.gateway.eventStreams()).toBe(1);
      vi.advanceTimersByTime(30_000);
      expect(running.gateway.eventStreams()).toBe(0);
      const late = await operate(token, '{ hello }');
      expect([late.status, codeIn(late.text)]).toEqual([404, 'NOT_FOUND']);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a request', () => {
  const query = '?operationId=1';

  it('without a token of a stream, or with another, is 404', async () => {
    const body = { query: '{ hello }', extensions: { operationId: '1' } };
    expect(await send('DELETE', { query })).toMatchObject({ status: 404, text: expect.stringContaining('PUT') });
    for (const stream of ['x', `${crypto.randomUUID()}.${'a'.repeat(22)}.${'b'.repeat(43)}`]) {
      expect(await send('DELETE', { query, stream })).toMatchObject({ status: 404 });
      expect(await send('POST', { body, stream })).toMatchObject({ status: 404 });
      expect(await send('GET', { stream, headers: { accept: 'text/event-stream' } })).toMatchObject({ status: 404 });
    }
  });

  it('that reaches another node is 421, and names the duty of a load balancer', async () => {
    const other = await startGateway();
    const stream = await reserve();
    const base = `${other.url}/graphql`;
    for (const misdirected of [
      await operate(stream, '{ hello }', { base }),
      await send('DELETE', { base, query, stream }),
      await send('GET', { base, query: `?token=${stream}`, headers: { accept: 'text/event-stream' } }),
    ]) {
      expect([misdirected.status, codeIn(misdirected.text)]).toEqual([421, 'UNAVAILABLE']);
      expect(misdirected.text).toContain('load balancer');
    }
    await other.gateway.stop();
    (await open(stream)).abort();
  });

  it('of another session is refused, and so is one without a session', async () => {
    const { auth } = running.backstage;
    const { token, viewer } = auth.signIn();
    const stream = await reserve(token);
    for (const [given, status, code] of [
      [auth.signIn().token, 403, 'FORBIDDEN'],
      [undefined, 401, 'UNAUTHENTICATED'],
      ['nonsense', 401, 'UNAUTHENTICATED'],
    ] as const) {
      const owner = given === undefined ? {} : { token: given };
      const refused = [
        await operate(stream, '{ viewer }', owner),
        await send('DELETE', { query, stream, ...owner }),
        ...(given === undefined
          ? []
          : [await send('GET', { stream, token: given, headers: { accept: 'text/event-stream' } })]),
      ];
      for (const { status: got, text } of refused) expect([got, codeIn(text)]).toEqual([status, code]);
    }
    const anonymous = await reserve();
    expect((await operate(anonymous, '{ viewer }', { token })).status).toBe(403);
    (await open(anonymous)).abort();
    auth.revoke(viewer);
  });

  it('with the token that has reserved its stream is served, even once that has expired', async () => {
    const { auth } = running.backstage;
    const { token, viewer } = auth.signIn();
    const stream = await reserve(token);
    const authenticate = vi.spyOn(auth, 'authenticate').mockRejectedValue(new UnauthenticatedError('expired'));
    expect((await operate(stream, '{ viewer }', { token })).status).toBe(202);
    authenticate.mockRestore();
    expect(await (await open(stream)).until('event: complete')).toContain(viewer.userId);
    auth.revoke(viewer);
  });

  it('with the id of a running operation is 409; once that has been stopped, it runs', async () => {
    const token = await reserve();
    const stream = await open(token);
    expect((await operate(token, 'subscription { forever }')).status).toBe(202);
    await stream.until('"forever":1');
    const again = await operate(token, '{ hello }');
    expect([again.status, codeIn(again.text)]).toEqual([409, 'CONFLICT']);
    expect((await send('DELETE', { query, stream: token })).status).toBe(200);
    expect((await operate(token, '{ hello }')).status).toBe(202);
    const text = await stream.until('event: complete');
    expect(text).toContain('Hello world');
    expect(running.backstage.open).toBe(0);
    expect((await send('DELETE', { query, stream: token })).status).toBe(200);
  });

  it.each([
    ['has no id', { query: '{ hello }' }, 400],
    ['has an empty id', { query: '{ hello }', extensions: { operationId: '' } }, 400],
    ['has a long id', { query: '{ hello }', extensions: { operationId: 'x'.repeat(129) } }, 400],
    ['is a batch', [{ query: '{ hello }', extensions: { operationId: '1' } }], 400],
    ['is not JSON', '{', 400],
    ['is too deep', `${'['.repeat(100)}${']'.repeat(100)}`, 400],
    ['is too large', `"${'x'.repeat(1_048_576)}"`, 413],
  ])('is refused if its operation %s', async (_problem, body, status) => {
    const stream = await reserve();
    expect((await send('POST', { stream, body })).status).toBe(status);
    expect((await send('DELETE', { stream })).status).toBe(400);
    (await open(stream)).abort();
  });

  it('is refused if it is no JSON, or its client takes no events', async () => {
    const stream = await reserve();
    const typed = (type: string) => send('POST', { stream, body: 'query={hello}', headers: { 'content-type': type } });
    expect((await typed('application/x-www-form-urlencoded')).status).toBe(415);
    expect((await typed('text/plain')).status).toBe(415);
    expect((await send('GET', { stream, headers: { accept: 'application/json' } })).status).toBe(406);
    (await open(stream)).abort();
  });

  it.each([
    ['{ nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{', 'GRAPHQL_PARSE_FAILED'],
    ['', 'BAD_REQUEST'],
  ])('gets the errors of an invalid operation with status 400 if it asks for JSON: %s', async (text, code) => {
    const stream = await reserve();
    for (const accept of [
      'application/graphql-response+json',
      'application/json, text/event-stream;q=0.5',
      'application/json;q=0.5, text/event-stream',
    ]) {
      const refused = await operate(stream, text, { headers: { accept } });
      expect([refused.status, codeIn(refused.text)]).toEqual([400, code]);
      expect(refused.headers.get('content-type')).toContain(accept.split(/[,;]/)[0] as string);
    }
    for (const accept of ['application/json;q=0, */*', 'application/*', 'application/problem+json, */*'])
      expect((await operate(stream, text, { headers: { accept } })).status).toBe(202);
    expect((await operate(stream, '{ hello }', { headers: { accept: 'application/json' } })).status).toBe(202);
    (await open(stream)).abort();
  });

  it('above the rate of messages is 429, and the stream goes on', async () => {
    const bounded = await startGateway({ messagesPerSecond: 1, maxSubscriptions: 1 });
    const base = `${bounded.url}/graphql`;
    const { text: stream } = await send('PUT', { base });
    const statuses = [];
    for (let n = 0; n < 20; n++) statuses.push((await send('DELETE', { base, stream, query })).status);
    expect(statuses[0]).toBe(200);
    expect(statuses).toContain(429);
    expect(bounded.gateway.eventStreams()).toBe(1);
    await bounded.gateway.stop();
  });

  it('above the number of operations of a stream is RATE_LIMITED', async () => {
    const bounded = await startGateway({ maxSubscriptions: 1 });
    const base = `${bounded.url}/graphql`;
    const { text: stream } = await send('PUT', { base });
    const json = { base, headers: { accept: 'application/json' } };
    expect((await operate(stream, 'subscription { forever }', json)).status).toBe(202);
    const second = await operate(stream, '{ hello }', { ...json, id: '2' });
    expect([second.status, codeIn(second.text)]).toEqual([429, 'RATE_LIMITED']);
    expect(second.headers.get('retry-after')).toBe('1');
    await bounded.gateway.stop();
  });

  it('may come from pages of other origins that are allowed', async () => {
    const page = 'https://app.example';
    const foreign = await startGateway({ allowedOrigins: [page] });
    const base = `${foreign.url}/graphql`;
    const asked = { origin: page, 'access-control-request-method': 'PUT' };
    const preflight = await send('OPTIONS', { base, headers: asked });
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, DELETE');
    expect((await send('PUT', { base, headers: { origin: page } })).status).toBe(201);
    expect((await send('PUT', { base, headers: { origin: 'https://evil.example' } })).status).toBe(403);
    await foreign.gateway.stop();
  });
});

it('ends, with its operations, when the server stops', async () => {
  const stopping = await startGateway();
  const base = `${stopping.url}/graphql`;
  const { text: token } = await send('PUT', { base });
  const response = await fetch(`${base}?token=${token}`, { headers: { accept: 'text/event-stream' } });
  const read = response.text();
  await operate(token, 'subscription { forever }', { base });
  await vi.waitFor(() => expect(stopping.backstage.open).toBe(1));
  await send('PUT', { base });
  await stopping.gateway.stop();
  expect(await read).toContain('"forever":1');
  expect([stopping.backstage.open, stopping.gateway.eventStreams()]).toEqual([0, 0]);
});

it.each(['restarted', 'shaky'])('ends when a subscription cannot go on for the moment: %s', async (field) => {
  const token = await reserve();
  const stream = await open(token);
  await operate(token, 'subscription { forever }', { id: 'other' });
  await operate(token, `subscription { ${field} }`);
  const text = await stream.until();
  expect(text).toContain('"id":"other","payload"');
  expect(text).not.toContain('"id":"other"}');
  await vi.waitFor(() => expect(running.backstage.open).toBe(0));
});

it('sends comments while nothing happens', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const quiet = await startGateway();
  const base = `${quiet.url}/graphql`;
  try {
    const { text: token } = await send('PUT', { base });
    const response = await fetch(`${base}?token=${token}`, { headers: { accept: 'text/event-stream' } });
    const reader = response.body?.getReader();
    const read = async () => Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(await read()).toBe(':\n\n');
    vi.advanceTimersByTime(12_000);
    expect(await read()).toBe(':\n\n');
    await reader?.cancel();
  } finally {
    vi.useRealTimers();
    await quiet.gateway.stop();
  }
});

it('takes no more from a source than its buffers hold while nobody reads', async () => {
  const token = await reserve();
  const before = running.backstage.pulled;
  await operate(token, 'subscription { flood }');
  await vi.waitFor(() => expect(running.backstage.pulled).toBeGreaterThan(before));
  await isStill(running.url, () => running.backstage.pulled);
  expect(running.backstage.pulled - before).toBeLessThan(10);
  (await open(token)).abort();
});

it('ends above the bound of unread bytes, so that its client resumes', async () => {
  const outboxes = createOutboxes({ windowMs: 0, socketBytes: 10_000, nodeBytes: 1_000_000, onOverflow: () => {} });
  const bounded = await startGateway({ outboxes });
  const base = `${bounded.url}/graphql`;
  const { text: token } = await send('PUT', { base });
  const query = `{ hello(name: "${'x'.repeat(50_000)}") }`;
  for (let n = 0; bounded.gateway.eventStreams() > 0; n++) {
    expect(n).toBeLessThan(10);
    await operate(token, query, { base, id: `${n}` });
  }
  expect(outboxes.queuedBytes()).toBe(0);
  await bounded.gateway.stop();
});
