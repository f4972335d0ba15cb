import { rm } from 'node:fs/promises';
import sharp from 'sharp';
import { beforeEach, expect, it, vi } from 'vitest';
import { guest } from '../support/client.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { isRunning, pictureProcessesOf, readProcessFile } from '../support/picture-processes.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { upload } from '../support/upload.ts';

let server: ServerProcess;
let token: string;
beforeEach(async () => {
  const directory = await createDataDirectory('parley-pictures-');
  server = await startProcess({ DATA_DIR: directory, JWT_SECRET: 'a secret of at least 32 characters' });
  ({ token } = await guest(server.url, 'Ada'));
  return async () => {
    await server.kill();
    await rm(directory, { recursive: true });
  };
});

const picture = (width: number) =>
  sharp({ create: { width, height: width, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();

async function processOfServer(): Promise<number> {
  await vi.waitFor(async () => expect(await pictureProcessesOf(server.child.pid)).toHaveLength(1), { interval: 5 });
  const [pid = 0] = await pictureProcessesOf(server.child.pid);
  return pid;
}

it('a picture process ends with a server that is killed in the middle of a picture', async () => {
  const uploading = upload(server.url, token, { bytes: await picture(7_000) }).catch(() => 'cut off');
  const pid = await processOfServer();
  await server.kill('SIGKILL');
  expect(await uploading).toBe('cut off');
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
});

it('a picture process knows no secret of the server, outlives its signals, and is ended by it', async () => {
  expect((await upload(server.url, token, { bytes: await picture(100) })).data.upload).toMatchObject({ width: 100 });
  const pid = await processOfServer();
  expect(await readProcessFile(pid, 'environ')).toBe('');
  process.kill(pid, 'SIGTERM');
  expect((await upload(server.url, token, { bytes: await picture(90) })).data.upload).toMatchObject({ width: 90 });
  expect(await processOfServer()).toBe(pid);
  expect(await server.kill('SIGTERM')).toBe(0);
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
});
