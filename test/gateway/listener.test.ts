import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createListener } from '../../api/gateway/http/listener.ts';
import { createProbes } from '../../api/gateway/http/probes.ts';
import { StartError } from '../../api/start-errors.ts';
import { runHealthcheck } from '../support/dockerfile.ts';

const listen = (host: string, port = 0) => createListener(createServer(), { host, port });

test.each([
  [
    'is not of this machine',
    '192.0.2.1',
    /cannot listen at 192\.0\.2\.1:0: this machine has no such address\. Set HOST/,
  ],
  ['of IPv6 is not of this machine', '2001:db8::1', /cannot listen at \[2001:db8::1\]:0: this machine has no/],
  ['is a name that does not exist', 'nowhere.invalid', /this machine has no such address/],
  ['is no name', 'not a name', /this machine has no such address/],
])('a server names the remedy if its host %s', async (_, host, message) => {
  const started = listen(host).start();
  await expect(started).rejects.toThrow(message);
  await expect(started).rejects.toBeInstanceOf(StartError);
});

test('a server names the remedy if its port is in use, and listens once it is free', async () => {
  const [first, second] = [listen('127.0.0.1'), createServer()];
  await first.start();
  const address = { host: '127.0.0.1', port: first.port() };
  await expect(createListener(second, address).start()).rejects.toThrow(
    `cannot listen at 127.0.0.1:${first.port()}: another process listens there. Stop that process, or set PORT`,
  );
  await first.close();
  const again = createListener(second, address);
  await again.start();
  await again.close();
});

test('a server that is closed while it looks up its host does not listen afterwards', async () => {
  const server = createServer();
  const listener = createListener(server, { host: 'localhost', port: 0 });
  const started = listener.start();
  await listener.close();
  await started;
  expect(server.listening).toBe(false);
});

test('a server ends connections that have sent no request', async () => {
  const listener = listen('127.0.0.1');
  await listener.start();
  const socket = connect(listener.port(), '127.0.0.1');
  await once(socket, 'connect');
  await until(() => listener.connections() === 1);
  const closed = listener.close();
  listener.disconnectAll();
  await closed;
  await closedBy(socket);
  expect(listener.connections()).toBe(0);
});

test.each(['127.0.0.1', '0.0.0.0', '::', '::1', '[::1]', ' localhost ', '', ' '])(
  'the health check of the image asks a server with HOST=%s',
  async (host) => {
    const health = { routes: { '/health': (_: unknown, response: { end(): void }) => response.end() }, stop: () => {} };
    const probes = createProbes({ host: host.trim() || '0.0.0.0', port: 0, health: health as never });
    await probes.start();
    const port = String(probes.port());
    expect(await runHealthcheck({ HOST: host, PORT: `${port} `, TLS_CERT_FILE: ' ' })).toBe(0);
    await probes.stop();
    expect(await runHealthcheck({ HOST: host, PORT: port })).toBe(1);
  },
);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

async function closedBy(socket: Socket): Promise<void> {
  socket.on('error', () => {}).resume();
  if (!socket.closed) await once(socket, 'close');
}
