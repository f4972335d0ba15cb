import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { makeCertificate } from '../certificate.ts';
import { freePort } from '../free-port.ts';
import { findInitdb } from './left-out.ts';
import { printing, type Server, startServer } from './server.ts';

/** PostgreSQL server for tests. It keeps its data over a restart. */
export interface PostgresService extends Server {
  /** URL of a database that the tests do not use. */
  url: string;
  /** Path of its TLS certificate for `localhost`. */
  certificate: string;
  /** Creates an empty database with an unusual time zone, and returns its URL. */
  createDatabase(): Promise<string>;
}

/** User id of `nobody`. PostgreSQL refuses to run as root, so it runs as this user if the tests run as root. */
const nobody = 65_534;
const run = promisify(execFile);

/**
 * Starts a server that the test may kill: `initdb` and `postgres` on a free port. It writes through to the disk as in
 * production.
 */
export async function startOwnPostgres(): Promise<PostgresService> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-postgres-'));
  if (isRoot()) await chown(directory, nobody, nobody);
  const identity = { cwd: directory, ...(isRoot() ? { uid: nobody, gid: nobody } : {}) };
  const bin = await findPrograms();
  const cluster = ['-D', directory, '-U', 'parley', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run(join(bin, 'initdb'), cluster, identity);
  const { certificate } = await makeCertificate(identity);
  const port = await freePort();
  const settings = {
    listen_addresses: 'localhost',
    port,
    unix_socket_directories: '',
    shared_buffers: '64MB',
    ssl: 'on',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const url = `postgresql://parley@127.0.0.1:${port}/postgres`;
  const server = await startServer({
    directory,
    spawn: () =>
      spawn(join(bin, 'postgres'), ['-D', directory, ...options], { stdio: ['ignore', 'ignore', 'pipe'], ...identity }),
    ready: printing('ready to accept connections'),
    childrenOf,
  });
  return Object.assign(server, { url, certificate, createDatabase: () => createDatabaseAt(url) });
}

const isRoot = () => process.getuid?.() === 0;

/** Returns the directory of PostgreSQL's programs. Debian keeps those of each version outside the path. */
export async function findPrograms(): Promise<string> {
  const debian = findInitdb();
  if (debian !== null) return debian;
  const { stdout } = await run('pg_config', ['--bindir']);
  return stdout.trim();
}

/** Lists the server's child processes: each connection has its own, in its own process group. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return listed.split(' ').filter(Boolean).map(Number);
}

/** Creates an empty database on a server, and returns its URL. */
export async function createDatabaseAt(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await runAt(url, `CREATE DATABASE ${name}`, `ALTER DATABASE ${name} SET timezone TO 'Asia/Kathmandu'`);
  const made = new URL(url);
  made.pathname = `/${name}`;
  return made.href;
}

/** Drops a database of a server, even while clients are connected to it. */
export async function dropDatabaseAt(url: string, made: string): Promise<void> {
  await runAt(url, `DROP DATABASE ${new URL(made).pathname.slice(1)} WITH (FORCE)`);
}

/** Runs commands on a server, one after another. */
export async function runAt(url: string, ...commands: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const command of commands) await client.query(command);
  await client.end();
}
