import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { fetchProbe } from '../support/probes.ts';
import { runServer } from '../support/run.ts';
import { createSharedDatabase, sharedKafka, sharedRedis, sharedS3 } from '../support/services/shared.ts';

/** Files of a data directory that stay when no process uses it. */
const kept = ['database', 'files', 'jwt-secret'];
const isRoot = process.getuid?.() === 0;
/** Exit codes of a stop during the start. The signal itself ends a process in which Node does not run our code yet. */
const inOrder = [0, null];

let root: string;
/** Data of a server that was started once and stopped. */
let primed: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'parley-start-stop-'));
  primed = join(root, 'primed');
  await stopOnceReady(primed);
});
afterAll(() => rm(root, { recursive: true }));

async function stopOnceReady(directory: string, environment: Record<string, string> = {}): Promise<void> {
  const server = runServer({ ...environment, DATA_DIR: directory });
  await server.printed('ready');
  server.child.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0 });
  expect((await readdir(directory)).sort()).toEqual(kept);
}

let copies = 0;
async function copyOfPrimed(): Promise<string> {
  const directory = join(root, `copy-${copies++}`);
  await cp(primed, directory, { recursive: true });
  return directory;
}

/** Expects a start to end with exit code 1 and one line that has a text. */
async function expectRefused(environment: Record<string, string>, text: RegExp | string, preload?: string) {
  // Packages may warn of the version of Node.
  const quiet = { LOG_LEVEL: 'error', NODE_NO_WARNINGS: '1', ...environment };
  const { code, output } = await runServer(quiet, preload ? { preload } : {}).ended;
  expect(output).toMatch(text);
  expect(output.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
}

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s right after "ready" stops the server in order',
    async (name) => {
      const directory = await copyOfPrimed();
      const server = runServer({ DATA_DIR: directory });
      await server.printed('ready');
      server.child.kill(name);
      expect((await server.ended).code).toBe(0);
      expect((await readdir(directory)).sort()).toEqual(kept);
    },
  );

  test.each([
    ['a first start', () => join(root, `first-${copies++}`)],
    ['a later start', copyOfPrimed],
  ] as const)('at every 100 ms of %s stops it, and the next one works', { timeout: 900_000 }, async (_, prepare) => {
    for (let ms = 300, isOver = false; !isOver; ms += 100) {
      const directory = await prepare();
      const server = runServer({ DATA_DIR: directory });
      await Promise.race([delay(ms), server.ended]);
      server.child.kill('SIGTERM');
      const { code, output } = await server.ended;
      isOver = output.includes('ready');
      expect(inOrder, `after ${ms} ms: ${output}`).toContain(code);
      expect(output.replace(/^Parley is ready.*\n/, '')).toBe('');
      if (existsSync(directory)) expect(kept).toEqual(expect.arrayContaining(await readdir(directory)));
      if (ms % 1_000 === 0) await stopOnceReady(directory);
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('that comes a second time ends the server at once, without a lock that stays', async () => {
    const directory = await copyOfPrimed();
    const server = runServer({ DATA_DIR: directory, DRAIN_MS: '600000' });
    await server.printed('ready');
    server.child.kill('SIGTERM');
    await delay(100);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(1);
    expect((await readdir(directory)).sort()).toEqual(kept);
  });
});

describe('a start with a wrong address', () => {
  test('or a port in use names the remedy, and leaves nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expectRefused({ DATA_DIR: primed, PORT: String(port) }, /another process listens there.*PORT/);
    await expectRefused({ DATA_DIR: primed, HOST: '192.0.2.1' }, /no such address. Set HOST/);
    expect((await readdir(primed)).sort()).toEqual(kept);
    other.close();
  });
});

describe('a data directory', () => {
  test('that is a file, or below one, or cannot be created, is refused', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'below'), '/proc/parley'])
      await expectRefused({ DATA_DIR: path }, `${path} is not a directory`);
  });

  test('that another process uses is refused; after a kill it is free', async () => {
    const directory = await copyOfPrimed();
    const server = runServer({ DATA_DIR: directory });
    await server.printed('ready');
    await expectRefused({ DATA_DIR: directory }, /in use by another Parley process/);
    server.child.kill('SIGKILL');
    await server.ended;
    await stopOnceReady(directory);
  });

  test('with a database that lost files, or of another version, is refused with the reason of PostgreSQL', async () => {
    const damages: [string, (database: string) => Promise<unknown>][] = [
      ['PG_VERSION is missing', (path) => rm(join(path, 'PG_VERSION'))],
      ['by PostgreSQL version 19', (path) => writeFile(join(path, 'PG_VERSION'), '19\n')],
      ['could not open file "global/pg_control"', (path) => rm(join(path, 'global/pg_control'))],
      ['could not read file "global/pg_control"', (path) => truncate(join(path, 'global/pg_control'), 10)],
      [
        'could not locate a valid checkpoint',
        (path) => rm(join(path, 'pg_wal'), { recursive: true }).then(() => mkdir(join(path, 'pg_wal'))),
      ],
    ];
    for (const [reason, damage] of damages) {
      const directory = await copyOfPrimed();
      await damage(join(directory, 'database'));
      await expectRefused({ DATA_DIR: directory }, reason);
      expect((await readdir(directory)).sort()).toEqual(kept);
    }
  });

  test('gets files that only its user may read, with any umask, and after any modes before', async () => {
    const directory = await copyOfPrimed();
    execFileSync('chmod', ['-R', 'go+rwX', directory]);
    const before = process.umask(0);
    await stopOnceReady(directory).finally(() => process.umask(before));
    const open = (await readdir(join(directory, 'database'), { recursive: true })).map((name) => `database/${name}`);
    for (const name of [...kept, ...open]) expect((await stat(join(directory, name))).mode & 0o077, name).toBe(0);
  });

  test('without permission is refused with the user to give it to', async () => {
    const directory = join(root, 'foreign');
    await mkdir(directory);
    await chmod(directory, 0o500);
    // As root everything may be written: the server becomes another user once its modules are loaded.
    const becomeNobody = 'process.umask = () => { process.setgid(65534); process.setuid(65534); };';
    const uid = isRoot ? 65_534 : process.getuid?.();
    if (isRoot) await chmod(root, 0o755);
    await expectRefused({ DATA_DIR: directory }, `runs as user ${uid}, who may not write`, isRoot ? becomeNobody : '');
  });
});

describe.skipIf(!canMount())('a disk', () => {
  test.each([
    ['full', '4m', 'less than 32 MiB free'],
    ['full of nothing but the directory', '16k', 'less than 32 MiB free'],
  ])('that is %s is named at a first start, which leaves nothing', async (_, size, reason) => {
    await onDisk(size, async (directory) => {
      await expectRefused({ DATA_DIR: directory }, reason);
      expect(await readdir(directory)).toEqual([]);
    });
  });

  test('that is read-only is named', async () => {
    await onDisk('200m', async (directory) => {
      await cp(primed, directory, { recursive: true });
      mount('-o', 'remount,ro', directory);
      await expectRefused({ DATA_DIR: directory }, `${directory} is on a read-only file system`);
    });
  });

  test('that fills up makes the server not ready until there is space again', async () => {
    await onDisk('200m', async (directory) => {
      await cp(primed, directory, { recursive: true });
      const port = await freePort();
      const server = runServer({ DATA_DIR: directory, PORT: String(port) });
      await server.printed('ready');
      const ready = async () => (await fetchProbe(`http://127.0.0.1:${port}`, 'ready')).json();
      expect(await ready()).toMatchObject({ status: 'ok' });
      const filler = join(directory, 'filler');
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M']);
      const full = { status: 'unavailable', ports: { database: expect.stringContaining('less than 32 MiB free') } };
      await vi.waitFor(async () => expect(await ready()).toMatchObject(full));
      await rm(filler);
      await vi.waitFor(async () => expect(await ready()).toMatchObject({ status: 'ok' }));
      server.child.kill('SIGTERM');
      expect((await server.ended).code).toBe(0);
    });
  });
});

describe('output that nobody takes', () => {
  test('as with `| head -1`, does not end the server', async () => {
    const port = await freePort();
    const server = runServer({ DATA_DIR: await copyOfPrimed(), PORT: String(port), LOG_LEVEL: 'trace' });
    await server.printed('ready');
    server.child.stdout?.destroy();
    for (let n = 0; n < 5; n++) expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  });

  test('as on a full disk, does not end the server', async () => {
    const port = await freePort();
    const environment = {
      DATA_DIR: await copyOfPrimed(),
      PORT: String(port),
      LOG_LEVEL: 'trace',
      SECURITY_LOG: '/dev/full',
    };
    const server = runServer(environment, { stdout: openSync('/dev/full', 'w') });
    await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200));
    for (let n = 0; n < 5; n++) await fetch(`http://127.0.0.1:${port}/health`);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  });
});

test('an error that nobody handles ends the server with its stack trace in the log, and leaves no lock', async () => {
  const directory = await copyOfPrimed();
  const preload = "process.on('SIGUSR2', () => Promise.reject(new Error('lost promise')));";
  const server = runServer({ DATA_DIR: directory }, { preload });
  await server.printed('ready');
  server.child.kill('SIGUSR2');
  const { code, output } = await server.ended;
  expect(code).toBe(1);
  expect(output).toMatch(/"the process cannot go on"/);
  expect(output).toMatch(/lost promise/);
  expect((await readdir(directory)).sort()).toEqual(kept);
});

test('files that the settings name and that cannot be used are refused by their variable', async () => {
  const bad = join(root, 'bad.pem');
  await writeFile(bad, 'bad');
  const tls = (file: string) => ({ DATA_DIR: primed, TLS_CERT_FILE: file, TLS_KEY_FILE: file });
  await expectRefused(tls('/nowhere.pem'), /TLS_CERT_FILE \(\/nowhere\.pem\).*cannot be used/);
  await expectRefused(tls(bad), /TLS_CERT_FILE .*cannot be used/);
  for (const SECURITY_LOG of ['/proc/parley/log', root])
    await expectRefused({ DATA_DIR: primed, SECURITY_LOG }, `SECURITY_LOG: ${SECURITY_LOG} cannot be written`);
});

test('a stop that takes too long ends, names the part, and has exit code 1', async () => {
  const preload = `import { Server } from 'node:net'; const { close } = Server.prototype;
    Server.prototype.close = function (done) { return this.address()?.port ? this : close.call(this, done); };`;
  const directory = await copyOfPrimed();
  const server = runServer({ DATA_DIR: directory, STOP_TIMEOUT_MS: '2000' }, { preload });
  await server.printed('ready');
  server.child.kill('SIGTERM');
  const { code, output } = await server.ended;
  expect(output).toMatch(/"part":"gateway"/);
  expect(code).toBe(1);
  expect((await readdir(directory)).sort()).toEqual(kept);
});

describe('a start over services', () => {
  const nowhere = '127.0.0.1:9';
  async function settings(): Promise<Record<string, string>> {
    const [DATABASE_URL, REDIS_URL, KAFKA_BROKERS] = await Promise.all([
      createSharedDatabase(),
      sharedRedis(),
      sharedKafka(),
    ]);
    const names = { REDIS_PREFIX: `start-${copies}`, KAFKA_TOPIC_PREFIX: `test-start-${copies++}` };
    const s3 = await sharedS3();
    return {
      ...names,
      DATABASE_URL,
      REDIS_URL,
      KAFKA_BROKERS,
      JWT_SECRET: 'x'.repeat(32),
      START_TIMEOUT_MS: '4000',
      DATA_DIR: join(root, `cluster-${copies}`),
      S3_BUCKET: `start-${copies}`,
      S3_ENDPOINT: s3.endpoint ?? '',
      S3_ACCESS_KEY_ID: s3.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
  }

  test.each([
    [
      'PostgreSQL is away',
      { DATABASE_URL: `postgresql://a:secret@${nowhere}/parley` },
      /127\.0\.0\.1:9 cannot be used: .*REFUSED.*DATABASE_URL/,
    ],
    [
      'Redis is away',
      { REDIS_URL: `redis://:secret@${nowhere}` },
      /Redis at 127\.0\.0\.1:9 cannot be used: .*REFUSED.*REDIS_URL/,
    ],
    ['Kafka is away', { KAFKA_BROKERS: nowhere }, /Kafka at 127\.0\.0\.1:9 cannot be used: .*KAFKA_BROKERS/],
    ['S3 is away', { S3_ENDPOINT: `http://${nowhere}` }, /bucket .* at http:\/\/127\.0\.0\.1:9 cannot be used: .*S3_/],
    ['the key of S3 is wrong', { S3_SECRET_ACCESS_KEY: 'wrong' }, /bucket .* cannot be used: .*S3_/],
  ])('ends with the variable to check if %s', async (_, wrong, text) => {
    await expectRefused({ ...(await settings()), ...wrong }, text);
  });

  test('can be stopped at every 300 ms', { timeout: 900_000 }, async () => {
    const environment = await settings();
    for (let ms = 1_000, isOver = false; !isOver; ms += 300) {
      const server = runServer(environment);
      await Promise.race([delay(ms), server.ended]);
      server.child.kill('SIGTERM');
      const { code, output } = await server.ended;
      isOver = output.includes('ready at');
      expect(inOrder, `after ${ms} ms: ${output}`).toContain(code);
    }
  });
});

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'ignore' });
}

/** Returns whether this user may mount file systems. */
function canMount(): boolean {
  const probe = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
  return isRoot && probe.status === 0;
}

/** Mounts a file system in memory. */
async function onDisk(size: string, work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(root, 'disk-'));
  mount('-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', directory);
  try {
    await work(directory);
  } finally {
    execFileSync('umount', ['-l', directory]);
  }
}
