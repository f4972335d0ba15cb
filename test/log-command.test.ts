import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const program = ['--import', 'tsx', 'api/commands/log.ts'];

test.each([
  ['status --from begin', 'npm run log -- status'],
  ['accept --partition', 'npm run log -- accept --partition N'],
  ['accept --partition one --from begin', '"one" is not a number'],
  ['status', 'without KAFKA_BROKERS'],
])('the command for the log refuses "%s" with a plain message', (words, message) => {
  const { status, stderr } = spawnSync(process.execPath, [...program, ...words.split(' ')], {
    env: {},
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
  expect(stderr).not.toContain('    at ');
});

test('Ctrl-C ends the command for the log while it waits for PostgreSQL, with a plain message', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const env = {
    DATABASE_URL: `postgresql://parley@127.0.0.1:${port}/parley`,
    KAFKA_BROKERS: '127.0.0.1:9',
    REDIS_URL: 'redis://127.0.0.1:9',
    SERVICES: 'bridge',
  };
  const command = spawn(process.execPath, [...program, 'status'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [stderr, ended] = [text(command.stderr), once(command, 'exit')];
  const [socket] = await once(silent, 'connection');
  command.kill('SIGINT');
  expect(await ended).toEqual([1, null]);
  expect(await stderr).toBe('The start was interrupted.\n');
  socket.destroy();
  silent.close();
});
