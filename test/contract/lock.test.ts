import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DataInUseError } from '../../api/infra/database/database.ts';
import { lockDirectory } from '../../api/infra/database/lock.ts';

const root = await mkdtemp(join(tmpdir(), 'parley-lock-'));
afterAll(() => rm(root, { recursive: true }));

async function directory(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return path;
}

/** Locks a directory from another process. */
async function lockInProcess(path: string) {
  const script = `import('./api/infra/database/lock.ts').then((m) => m.lockDirectory(${JSON.stringify(path)})).then(() => { console.log('locked'); setInterval(() => {}, 1e6); });`;
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

test('exactly one of many callers gets a directory whose process was killed', async () => {
  const path = await directory('left');
  const child = await lockInProcess(path);
  child.kill('SIGKILL');
  await once(child, 'exit');

  const tries = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(path)));

  const got = tries.filter((one) => one.status === 'fulfilled');
  expect(got).toHaveLength(1);
  await got[0]?.value();
});

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
