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

/** A PostgreSQL server for tests; started again, it has its data. */
export interface PostgresService extends Server {
  /** Of a database that the tests leave alone. */
  url: string;
  /** The file with the certificate for `localhost` that it speaks TLS with, for who wants it. */
  certificate: string;
  /** Makes a database of one's own, with no table, whose clock is in another zone than anybody's. */
  createDatabase(): Promise<string>;
}

/** Nobody's, whom PostgreSQL runs as where the tests are root's: it refuses to be root's. */
const nobody = 65_534;
const run = promisify(execFile);

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

/** Where PostgreSQL's programs are: Debian keeps those of each version by themselves, off the path. */
export async function findPrograms(): Promise<string> {
  const debian = findInitdb();
  if (debian !== null) return debian;
  const { stdout } = await run('pg_config', ['--bindir']);
  return stdout.trim();
}

/** Each connection has a process, in a process group of its own. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return listed.split(' ').filter(Boolean).map(Number);
}

/** Makes a database with no table at a server, and answers its URL. */
export async function createDatabaseAt(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await runAt(url, `CREATE DATABASE ${name}`, `ALTER DATABASE ${name} SET timezone TO 'Asia/Kathmandu'`);
  const made = new URL(url);
  made.pathname = `/${name}`;
  return made.href;
}

/** Drops a database that was made at a server, whoever is connected to it. */
export async function dropDatabaseAt(url: string, made: string): Promise<void> {
  await runAt(url, `DROP DATABASE ${new URL(made).pathname.slice(1)} WITH (FORCE)`);
}

/** Runs commands at a server, one after another. */
export async function runAt(url: string, ...commands: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const command of commands) await client.query(command);
  await client.end();
}
