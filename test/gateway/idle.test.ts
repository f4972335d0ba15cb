import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createSchema } from 'graphql-yoga';
import { expect, it, vi } from 'vitest';
import type { Context } from '../../schema/context.ts';
import type { Domain } from '../../schema/domain.ts';
import { startGateway } from '../support/gateway.ts';
import { execute } from '../support/wire.ts';

const idleMs = 600;

function open(url: string, text: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

/** Resolves when a socket is closed, also by a reset, at which `once` would reject. */
const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));

const post = (type: string, body: string) =>
  `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\n${body}`;

it.each([
  ['JSON', post('application/json', '{"query":')],
  [
    'files',
    post('multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{'),
  ],
  ['a body of which nothing was sent', post('application/json', '')],
])('a client that stalls while it sends %s is disconnected; one that waits for the server is not', async (_, text) => {
  let finish = (_: string) => {};
  const late = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const schema = createSchema<Context>({
    typeDefs: 'type Query { late: String! }',
    resolvers: { Query: { late: () => late } },
  });
  const { gateway, url } = await startGateway({ idleMs, schema });
  try {
    const waiting = execute(url, '{ late }');
    for (let n = 0; n < 3; n++) await once(open(url, text), 'close');
    finish('at last');
    expect(await waiting).toEqual({ data: { late: 'at last' } });
  } finally {
    await gateway.stop();
  }
});

it('a client that does not read a file is disconnected, and the stream of the store is destroyed', async () => {
  const body = new Readable({ read: () => void body.push(Buffer.alloc(65_536)) });
  const uploads = {
    maxBytes: 1_000,
    urls: { isValid: () => true },
    findFile: async () => ({ key: 'file/a', filename: 'a', mimetype: 'video/mp4', size: 1e12 }),
    readUrl: async () => null,
    read: async () => body,
  };
  const { gateway, url } = await startGateway({ idleMs, domain: { uploads } as unknown as Domain });
  try {
    const socket = open(url, `GET /files/${crypto.randomUUID()}/file/a HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'readable');
    await vi.waitFor(() => expect(body.destroyed).toBe(true));
    socket.destroy();
  } finally {
    await gateway.stop();
  }
});

it.each([
  ['JSON', 'application/json'],
  ['files', 'multipart/form-data; boundary=b'],
])(
  'a client that sends %s more slowly than the minimum rate is disconnected, however steadily it sends',
  async (_, type) => {
    const { gateway, url } = await startGateway({ minBodyRate: 1_000_000, bodyWindowMs: 200 });
    const socket = open(url, post(type, '{'));
    const drip = setInterval(() => socket.write(' '), 10);
    await closed(socket);
    clearInterval(drip);
    await gateway.stop();
  },
);
