import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';

/** A Redis server for tests. */
export interface RedisService {
  url: string;
  /** Of its process; null when it was there before the test. */
  pid: number | null;
  /** Sends its process a signal; resolves when it is gone, for signals that end it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, empty, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The server that `TEST_REDIS_URL` names, else one of its own. */
export async function startRedis(): Promise<RedisService> {
  const given = process.env['TEST_REDIS_URL'];
  if (!given) return startOwnRedis();
  const refuse = async () => {
    throw new Error('a Redis server that was there before is not to be killed: use startOwnRedis');
  };
  return { url: given, pid: null, kill: refuse, restart: refuse, stop: async () => {} };
}

/** A server that belongs to the test, which may kill it: `redis-server` on a free port, which keeps nothing. */
export async function startOwnRedis(): Promise<RedisService> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-redis-'));
  const port = await freePort();
  let child = await spawnRedis(port, directory);

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await gone;
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? null;
    },
    kill,
    async restart() {
      await kill('SIGKILL');
      child = await spawnRedis(port, directory);
    },
    async stop() {
      await kill('SIGKILL');
      await rm(directory, { recursive: true });
    },
  };
}

async function spawnRedis(port: number, directory: string): Promise<ChildProcess> {
  const settings = { port, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no' };
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += String(chunk);
      if (printed.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${printed}`)));
  });
  return child;
}
