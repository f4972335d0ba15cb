import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { createFileObjects } from '../../api/infra/objects/files.ts';
import { createMemoryObjects } from '../../api/infra/objects/memory.ts';
import { describeObjects } from './objects.ts';

async function createWorkbench() {
  const directory = await mkdtemp(join(tmpdir(), 'parley-objects-'));
  return {
    directory,
    objects: await createFileObjects({ directory }),
    leaveIncomplete: (key: string) => writeFile(join(directory, 'incoming', basename(key)), 'cut off'),
    countIncomplete: async () => (await readdir(join(directory, 'incoming'))).length,
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}

describeObjects('as files', createWorkbench);

describeObjects(
  'in memory',
  async () => ({
    objects: createMemoryObjects(),
    leaveIncomplete: async () => {},
    countIncomplete: async () => 0,
    dispose: async () => {},
  }),
  { outlivesProcess: false },
);

test('clients read files through this server only', async () => {
  const { objects, dispose } = await createWorkbench();
  expect(objects.readOrigin).toBeNull();
  await dispose();
});

test('files are readable by their owner only', async () => {
  const { objects, directory, dispose } = await createWorkbench();
  await objects.put('a/b', Readable.from([Buffer.from('secret')]), { type: 'text/plain' });
  expect((await stat(join(directory, 'kept', 'a', 'b'))).mode & 0o077).toBe(0);
  expect((await stat(join(directory, 'kept'))).mode & 0o077).toBe(0);
  await dispose();
});

test('storing files fails with UNAVAILABLE when the directory is gone', async () => {
  const { objects, dispose } = await createWorkbench();
  await dispose();
  await expect(objects.ready()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(objects.put('a', Readable.from(['x']), { type: 'text/plain' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});
