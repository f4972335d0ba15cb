import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../free-port.ts';

/** A PostgreSQL server for tests. */
export interface PostgresService {
  /** Of a database that the tests leave alone. */
  url: string;
  /** The file with the certificate for `localhost` that a server of one's own speaks TLS with, for who wants it. */
  certificate: string | null;
  /** Makes a database of one's own, with no table, whose clock is in another zone than anybody's. */
  createDatabase(): Promise<string>;
  /** Of its first process; null when it was there before the test. */
  pid: number | null;
  /** Sends all its processes a signal; resolves when they are gone, for signals that end them. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, with its data, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Nobody's, whom PostgreSQL runs as where the tests are root's: it refuses to be root's. */
const nobody = 65_534;
const run = promisify(execFile);

/** The server that `TEST_DATABASE_URL` names, else one of its own. */
export async function startPostgres(): Promise<PostgresService> {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) return startOwnPostgres();
  const refuse = async () => {
    throw new Error('a PostgreSQL server that was there before is not to be killed: use startOwnPostgres');
  };
  const createDatabase = () => createDatabaseAt(url);
  return { url, certificate: null, createDatabase, pid: null, kill: refuse, restart: refuse, stop: async () => {} };
}

/**
 * A server that belongs to the test, which may kill it: `initdb` and `postgres` on a free port, writing through to the
 * disk as in production.
 */
export async function startOwnPostgres(): Promise<PostgresService> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-postgres-'));
  if (isRoot()) await chown(directory, nobody, nobody);
  const identity = { cwd: directory, ...(isRoot() ? { uid: nobody, gid: nobody } : {}) };
  const bin = await findPrograms();
  const cluster = ['-D', directory, '-U', 'parley', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run(join(bin, 'initdb'), cluster, identity);
  await run('openssl', certificateOptions, identity);
  const port = await freePort();
  const settings = {
    listen_addresses: 'localhost',
    port,
    unix_socket_directories: '',
    shared_buffers: '64MB',
    ssl: 'on',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const start = () => spawnPostgres(join(bin, 'postgres'), ['-D', directory, ...options], identity);
  const url = `postgresql://parley@127.0.0.1:${port}/postgres`;
  let child = await start();

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const gone = once(child, 'exit');
    for (const pid of [child.pid, ...(await childrenOf(child.pid))]) send(pid, signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await gone;
  }

  return {
    url,
    certificate: join(directory, 'server.crt'),
    createDatabase: () => createDatabaseAt(url),
    get pid() {
      return child.pid ?? null;
    },
    kill,
    async restart() {
      await kill('SIGKILL');
      child = await start();
    },
    async stop() {
      await kill('SIGKILL');
      await rm(directory, { recursive: true });
    },
  };
}

/** Files of the names that the server looks for. */
const certificateOptions =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout server.key -out server.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost'.split(
    ' ',
  );

const isRoot = () => process.getuid?.() === 0;

/** Debian keeps the programs of each version by themselves, off the path. */
async function findPrograms(): Promise<string> {
  const root = '/usr/lib/postgresql';
  const versions = (await readdir(root).catch(() => [])).map(Number).sort((a, b) => b - a);
  if (versions[0] !== undefined) return join(root, String(versions[0]), 'bin');
  const { stdout } = await run('pg_config', ['--bindir']);
  return stdout.trim();
}

async function spawnPostgres(program: string, options: string[], identity: object): Promise<ChildProcess> {
  const child = spawn(program, options, { stdio: ['ignore', 'ignore', 'pipe'], ...identity });
  await new Promise<void>((resolve, reject) => {
    let printed = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (printed.length < 10_000) printed += String(chunk);
      if (printed.includes('ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`postgres ended with ${code}:\n${printed}`)));
  });
  return child;
}

/** Each connection has a process, in a process group of its own. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return listed.split(' ').filter(Boolean).map(Number);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function createDatabaseAt(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.query(`ALTER DATABASE ${name} SET timezone TO 'Asia/Kathmandu'`);
  await client.end();
  const made = new URL(url);
  made.pathname = `/${name}`;
  return made.href;
}
