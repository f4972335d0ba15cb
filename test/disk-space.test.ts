import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkSpace } from '../api/disk-space.ts';
import { NotReadyError } from '../api/errors.ts';

it('checks a directory once at a time, however many ask, and leaves no file there', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'parley-space-'));
  const first = checkSpace(directory);
  expect(checkSpace(`${directory}/.`)).toBe(first);
  await first;
  const next = checkSpace(directory);
  expect(next).not.toBe(first);
  await next;
  expect(await readdir(directory)).toEqual([]);

  await rm(directory, { recursive: true });
  await expect(checkSpace(directory)).rejects.toThrow(NotReadyError);
});
