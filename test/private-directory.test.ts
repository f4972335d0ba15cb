import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makePrivateDirectory } from '../api/private-directory.ts';

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-private-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

test('a directory and its parents can be made by many at the same time', async () => {
  const path = join(await temporary(), 'data', 'of', 'files');
  await Promise.all(Array.from({ length: 50 }, () => makePrivateDirectory(path)));
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});

test('a directory cannot be made in place of a file, below one, or where the system makes none', async () => {
  const file = join(await temporary(), 'file');
  await writeFile(file, '');
  await expect(makePrivateDirectory(file)).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makePrivateDirectory(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makePrivateDirectory('/proc/data/files')).rejects.toMatchObject({ code: 'ENOENT' });
});
