import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startEphemeral } from '../../api/testing.ts';
import { startApp } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { serverEnvironment } from '../support/process.ts';
import { guardChild } from '../support/services/guard.ts';

const loader = pathToFileURL(resolve('node_modules/tsx/dist/esm/index.mjs')).href;
const main = resolve('api/main.ts');

/** Runs the program in an empty directory, which is also its directory for temporary files. */
async function run(args: readonly string[], environment: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'parley-ephemeral-'));
  const env = { ...serverEnvironment(environment), TMPDIR: directory, TSX_DISABLE_CACHE: '1' };
  const child = spawn(process.execPath, ['--import', loader, main, ...args], { cwd: directory, env });
  guardChild(child);
  onTestFinished(async () => {
    await end(child, 'SIGKILL');
    await rm(directory, { recursive: true });
  });
  return { child, directory, files: () => readdir(directory, { recursive: true }) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  return (await once(child, 'exit'))[0];
}

async function lineOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output');
  const [line] = await once(createInterface(child.stdout), 'line');
  return line;
}

/** Runs the program to its end. */
async function output(args: readonly string[]) {
  const { child } = await run(args);
  const exit = once(child, 'exit');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await exit)[0], out, err };
}

const upload = `mutation ($file: Upload!, $channelId: ID!) {
  upload(file: $file, channelId: $channelId) { byteSize }
}`;

it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('leaves no file behind after %s', async (signal) => {
  const { child, files } = await run(['--ephemeral', '--seed', '--json']);
  const { url, seed } = JSON.parse(await lineOf(child));
  const body = new FormData();
  body.append(
    'operations',
    JSON.stringify({ query: upload, variables: { file: null, channelId: seed.channels.lobby.id } }),
  );
  body.append('map', '{"0":["variables.file"]}');
  body.append('0', new File(['x'.repeat(2_000_000)], 'big.txt'));
  const headers = { authorization: `Bearer ${seed.users.ada.token}` };
  const response = await fetch(`${url}/graphql`, { method: 'POST', body, headers });
  expect(await response.json()).toEqual({ data: { upload: { byteSize: 2_000_000 } } });
  expect(await files()).toEqual([]);
  expect(await end(child, signal)).toBe(signal === 'SIGKILL' ? null : 0);
  expect(await files()).toEqual([]);
});

it('ends in order when the control address is told to stop it', async () => {
  const { child } = await run(['--ephemeral', '--json']);
  const { control } = JSON.parse(await lineOf(child));
  const exit = once(child, 'exit');
  const response = await fetch(`${control}/stop`, { method: 'POST' });
  expect([response.status, await response.json()]).toEqual([200, {}]);
  expect(await exit).toEqual([0, null]);
});

it('uses no services of the environment, and prints one line for people', async () => {
  const services = {
    DATABASE_URL: 'postgresql://127.0.0.1:1/none',
    REDIS_URL: 'redis://127.0.0.1:1',
    KAFKA_BROKERS: '127.0.0.1:1',
    S3_BUCKET: 'none',
    HOST: '0.0.0.0',
    PORT: '1',
    DATA_DIR: '/proc',
    LOG_LEVEL: 'info',
  };
  const { child } = await run(['--ephemeral'], services);
  const line = await lineOf(child);
  const [, url = ''] = /^Parley for tests is ready at (http:\/\/127\.0\.0\.1:\d+) /.exec(line) ?? [];
  expect((await ask(url, '{ __typename }')).data).toEqual({ __typename: 'Query' });
  child.kill('SIGTERM');
  expect([await text(child.stdout), await text(child.stderr)]).toEqual(['', '']);
});

it('logs on standard error, so that its output is one line', async () => {
  const { child } = await run(['--ephemeral', '--seed', '--json', '--set=LOG_LEVEL=debug']);
  const [output, log] = [text(child.stdout), text(child.stderr)];
  const line = await lineOf(child);
  child.kill('SIGTERM');
  expect(await output).toBe(`${line}\n`);
  expect(Object.keys(JSON.parse(line))).toEqual(['url', 'control', 'seed']);
  for (const entry of (await log).trim().split('\n')) expect(JSON.parse(entry)).toHaveProperty('msg');
});

it('two servers have nothing in common, also with the same seed', async () => {
  const [one, other] = await Promise.all([startEphemeral({ seed: true }), startEphemeral({ seed: true })]);
  onTestFinished(async () => {
    await Promise.all([one.stop(), other.stop()]);
  });
  expect(one.url).not.toBe(other.url);
  const token = one.seed?.users['ada']?.token ?? '';
  expect((await ask(one.url, '{ me { id } }', {}, token)).data.me.id).toBe(one.seed?.users['ada']?.id);
  expect((await ask(other.url, '{ me { id } }', {}, token)).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
});

it('ends with the process that started it', async () => {
  const testing = pathToFileURL(resolve('api/testing.ts')).href;
  const script = `const { startEphemeral } = await import('${testing}');
    const { url } = await startEphemeral();
    console.log(url);`;
  const args = ['--import', loader, '--input-type=module', '--eval', script];
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  guardChild(parent);
  const url = await lineOf(parent);
  await expect
    .poll(() =>
      fetch(url).then(
        () => 'there',
        () => 'gone',
      ),
    )
    .toBe('gone');
  await expect.poll(() => parent.exitCode).toBe(0);
});

it('ends if the process that started it has ended before it listens for that', async () => {
  const child = fork(main, ['--ephemeral'], {
    execArgv: ['--import', loader],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  guardChild(child);
  const exit = once(child, 'exit');
  child.disconnect();
  expect(await exit).toEqual([0, null]);
});

it('reads a seed from a file, and names its mistakes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'parley-seed-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'seed.json');
  const users = [{ key: 'zoe', name: 'Zoe', email: 'zoe@example.org', password: 'lighthouse keeper' }];
  const room = { key: 'den', name: 'Den', members: ['zoe'], messages: [{ by: 'zoe', text: 'Hi' }] };
  await writeFile(path, JSON.stringify({ users, rooms: [{ ...room, members: ['zoe', 'max'] }] }));
  await expect(startEphemeral({ seed: path })).rejects.toThrow(
    `Parley did not start (exit code 1): --seed: ${path} cannot be used: den names max, who is not a user.`,
  );
  await writeFile(path, JSON.stringify({ users, rooms: [room] }));
  const server = await startEphemeral({ seed: path });
  expect(server.seed?.channels['den']?.messages.map(({ text }) => text)).toEqual(['Hi']);
  await server.stop();
});

it('names a port that is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await expect(startEphemeral({ port })).rejects.toThrow(`Port ${port} cannot be used: choose another one.`);
  await expect(startEphemeral({ controlPort: port })).rejects.toThrow(
    `--control-port ${port} cannot be used: choose another one.`,
  );
});

it('the program explains itself', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  expect(await output(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  expect(await output(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--ephemeral'), err: '' });
  expect(await output(['--bad'])).toEqual({ code: 1, out: '', err: "Unknown option '--bad'. See parley --help.\n" });
});

it('other servers have no control address', async () => {
  const { url, stop } = await startApp();
  onTestFinished(stop);
  for (const path of ['/state', '/drop', '/reset', '/_control/reset']) {
    const response = await fetch(`${url}${path}`, { method: 'POST', body: '{}' });
    expect([path, response.status]).toEqual([path, 405]);
    expect((await fetch(`${url}${path}`)).headers.get('content-type')).not.toContain('json');
  }
});
