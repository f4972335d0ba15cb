import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { execute, openSocket, openStream, post } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeEach(async () => {
  // Each test has its own gateway: the line about a request may be logged after the response, in the next test.
  running = await startGateway();
  ({ url } = running);
});
afterEach(() => running.gateway.stop());

/** Returns the facts of the lines that were logged, once there are as many as expected. */
async function logged(message: string, count = 1): Promise<object[]> {
  const { lines } = running.backstage.logger;
  const found = () => lines.filter((line) => line.message === message);
  await vi.waitFor(() => expect(found()).toHaveLength(count));
  return found().map(({ level, facts }) => ({ level, ...(facts as object) }));
}

it('has one line at info for a request: method, path, status, duration, id, operation and user', async () => {
  const { token, viewer } = running.backstage.auth.signIn();
  const headers = { 'x-request-id': 'request-1', authorization: `Bearer ${token}` };
  await post(
    url,
    { query: 'query Greeting($name: String) { hello(name: $name) }', variables: { name: 'Ada' } },
    { headers },
  );

  expect(await logged('request')).toEqual([
    {
      level: 'info',
      requestId: 'request-1',
      method: 'POST',
      path: '/graphql',
      status: 200,
      durationMs: expect.any(Number),
      operations: ['query Greeting'],
      userId: viewer.userId,
    },
  ]);
});

it('names every operation of a batch, and the kind of an operation without a name', async () => {
  await post(url, [{ query: '{ hello }' }, { query: 'query Second { hello }' }] as never);

  expect(await logged('request')).toMatchObject([{ operations: ['query', 'query Second'] }]);
});

it('leaves out the query of a URL, the name of a file, tokens and the text of operations', async () => {
  const { token } = running.backstage.auth.signIn();
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
  await fetch(`${url}/graphql?query=${encodeURIComponent('{ hello(name: "swordfish") }')}`, { headers });
  await fetch(`${url}/files/0b5c0bd4-0000-4000-8000-000000000000/file/swordfish.txt?signature=swordfish`);
  await fetch(`${url}/?token=swordfish`);

  const lines = await logged('request', 3);
  expect(lines).toMatchObject([
    { path: '/graphql' },
    { path: '/files/0b5c0bd4-0000-4000-8000-000000000000/file' },
    { path: '/' },
  ]);
  for (const secret of ['swordfish', token]) expect(JSON.stringify(lines)).not.toContain(secret);
});

it('logs the requests of probes at debug', async () => {
  await fetch(`${url}/health`);

  expect(await logged('request')).toMatchObject([{ level: 'debug', path: '/health', status: 200 }]);
});

it('logs a stream over HTTP once it has ended, as aborted if the client ended it', async () => {
  const stream = await openStream(url, 'subscription Typing { typing }');
  stream.abort();

  expect(await logged('request')).toMatchObject([{ operations: ['subscription Typing'], aborted: true }]);
});

it('logs the beginning and the end of a WebSocket at info, its operations at debug', async () => {
  const { token, viewer } = running.backstage.auth.signIn();
  const { userId } = viewer;
  const socket = await openSocket(url, { token });
  socket.subscribe('1', 'query Greeting { hello(name: "swordfish") }');
  await socket.next();
  socket.socket.close(1000);

  const [closed] = await logged('websocket closed');
  expect(closed).toMatchObject({ level: 'info', code: 1000, durationMs: expect.any(Number), userId });
  const { requestId } = closed as { requestId: string };
  expect(await logged('websocket opened')).toEqual([{ level: 'info', requestId }]);
  const operation = { level: 'debug', requestId, operation: 'query Greeting', userId };
  expect(await logged('connection operation')).toEqual([operation]);
  expect(JSON.stringify(running.backstage.logger.lines)).not.toContain('swordfish');
});

it('logs a request whose client leaves amid its body as aborted, and as no error', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{');
  await once(socket, 'connect');
  // Its response tells that the server has read the bytes that were sent before.
  await fetch(`${url}/graphql?query={hello}`, { headers: { accept: 'application/json' } });
  socket.destroy();

  const lines = await logged('request', 2);
  expect(lines).toContainEqual(expect.objectContaining({ method: 'POST', aborted: true }));
  expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

it('names an operation that is refused before it is executed', async () => {
  const body = new FormData();
  body.set('operations', JSON.stringify({ query: 'subscription Typing { typing }' }));
  body.set('map', '{}');
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    body,
    headers: { 'apollo-require-preflight': 'true' },
  });

  expect(await response.text()).toContain('sent as a multipart request');
  expect(await logged('request')).toMatchObject([{ status: 400, operations: ['subscription Typing'] }]);
});

it('logs a request that cannot be parsed without operations', async () => {
  await execute(url, '{ hello');

  const [line] = await logged('request');
  expect(line).not.toHaveProperty('operations');
});
