import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DataInUseError } from '../../api/infra/database/database.ts';
import { lockDirectory } from '../../api/infra/database/directory-lock.ts';

const root = await mkdtemp(join(tmpdir(), 'parley-lock-'));
afterAll(() => rm(root, { recursive: true }));

async function directory(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return path;
}

/** Locks a directory from another process. */
async function lockInProcess(path: string) {
  const script = `import('./api/infra/database/directory-lock.ts').then((m) => m.lockDirectory(${JSON.stringify(path)})).then(() => { console.log('locked'); setInterval(() => {}, 1e6); });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a directory that another process has locked is refused, and free as soon as that process is killed', async () => {
  const path = await directory('contested');
  const child = await lockInProcess(path);
  await expect(lockDirectory(path)).rejects.toBeInstanceOf(DataInUseError);

  child.kill('SIGKILL');
  await once(child, 'exit');
  const unlock = await lockDirectory(path);

  await unlock();
  expect(await readdir(path)).toEqual([]);
});

test('exactly one of many callers gets a directory whose process was killed, each of forty times', async () => {
  for (let n = 0; n < 40; n++) {
    const path = await directory(`left-${n}`);
    await leaveSocket(join(path, 'lock'));

    const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockDirectory(path)));

    const got = tries.filter((one) => one.status === 'fulfilled');
    expect(got).toHaveLength(1);
    await got[0]?.value();
  }
});

/** Leaves the socket of a process that is killed while it listens. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
}

test('a directory whose path is too long for a socket can be locked too', async () => {
  const path = await directory(`${'long'.repeat(30)}/${'longer'.repeat(20)}`);
  const unlock = await lockDirectory(path);
  const alias = join(root, 'alias');
  await symlink(path, alias);

  for (const name of [path, relative('.', path), alias])
    await expect(lockDirectory(name)).rejects.toBeInstanceOf(DataInUseError);

  await unlock();
  await (await lockDirectory(path))();
});
