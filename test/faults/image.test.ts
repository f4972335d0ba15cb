import { execFile } from 'node:child_process';
import { copyFile, cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { guest } from '../support/client.ts';
import { readCommand, readPruning, runHealthcheck } from '../support/dockerfile.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { upload } from '../support/upload.ts';

const run = promisify(execFile);

let directory: string;
let server: ServerProcess;

/** Copies the files of the Dockerfile's last stage, as `npm ci` has built them here. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-image-'));
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) await copyFile(file, join(directory, file));
  for (const part of ['dist', 'prisma/migrations']) await cp(part, join(directory, part), { recursive: true });
  await run('cp', ['-a', 'node_modules', directory]);
  await run('npm', [...(await readPruning()), '--offline'], { cwd: directory });
});
afterAll(async () => {
  await server?.kill();
  await rm(directory, { recursive: true });
});

test('the files of the image run by themselves, without development dependencies', async () => {
  const packages = await readdir(join(directory, 'node_modules'));
  for (const name of ['prisma', 'typescript', 'effect', 'vitest']) expect(packages).not.toContain(name);

  server = await startProcess({ DATA_DIR: join(directory, 'data') }, await imageProgram());
  const { port } = new URL(server.url);
  const at = `http://127.0.0.1:${port}`;
  expect((await fetch(`${at}/ready`)).status).toBe(200);
  expect((await fetch(at)).headers.get('content-type')).toContain('text/html');
  const ada = await guest(at, 'Ada');
  expect(await ada.ask('mutation { createRoom(input: { name: "Room" }) { id } }')).toMatchObject({ createRoom: {} });
  const picture = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  expect((await upload(at, ada.token, { bytes: picture })).data.upload).toMatchObject({ width: 64 });

  expect(await runHealthcheck({ PORT: port })).toBe(0);
  expect(await server.kill('SIGTERM')).toBe(0);
  expect(await runHealthcheck({ PORT: port })).toBe(1);
});

test('stack traces of the image point at the TypeScript sources', async () => {
  const broken = `import http from 'node:http'; import { syncBuiltinESMExports } from 'node:module';
    http.createServer = () => { throw new Error('broken server'); }; syncBuiltinESMExports();`;
  const { cwd, args } = await imageProgram();
  const program = { cwd, args: ['--import', `data:text/javascript,${encodeURIComponent(broken)}`, ...args] };
  const started = startProcess({ DATA_DIR: join(directory, 'traces') }, program);
  await expect(started).rejects.toThrow(/broken server.*\/api\/[\w/-]+\.ts:\d+:\d+/s);
});

async function imageProgram() {
  return { cwd: directory, args: await readCommand() };
}
