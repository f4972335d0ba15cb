import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const writer = fileURLToPath(new URL('../support/disk-writer.ts', import.meta.url));

/** Makes `fsync` fail while a file exists. */
const breakable = (failing: string) => `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { fsyncSync } = fs;
fs.fsyncSync = (descriptor) => {
  if (fs.existsSync(${JSON.stringify(failing)})) throw Object.assign(new Error('EIO'), { code: 'EIO' });
  fsyncSync(descriptor);
};
syncBuiltinESMExports();`;

test('a write that the disk rejects is not acknowledged, and later writes are', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'parley-disk-'));
  const failing = join(directory, 'failing');
  const preload = `data:text/javascript,${encodeURIComponent(breakable(failing))}`;
  const args = ['--import', 'tsx', '--import', preload, writer, join(directory, 'data'), failing];

  const { stdout } = await promisify(execFile)(process.execPath, args);

  const { error, ids } = JSON.parse(stdout) as { error: string | null; ids: number[] };
  expect(error).toBe('DatabaseUnavailableError');
  expect(ids).toEqual(expect.arrayContaining([1, 3]));
  await rm(directory, { recursive: true });
});
