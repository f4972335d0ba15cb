import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { printing, type Server, startServer } from './server.ts';

/** Redis server for tests. It is empty after a restart. */
export interface RedisService extends Server {
  url: string;
}

/** Starts a server that the test may kill: `redis-server` on a free port, without persistence. */
export async function startOwnRedis(): Promise<RedisService> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-redis-'));
  const port = await freePort();
  const settings = { port, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no' };
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = await startServer({
    directory,
    spawn: () => spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] }),
    ready: printing('Ready to accept connections'),
  });
  return Object.assign(server, { url: `redis://127.0.0.1:${port}` });
}
