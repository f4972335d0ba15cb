import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';

const run = promisify(execFile);
const bin = (name: string) => resolve('node_modules/.bin', name);

let directory: string;
let packed: string;

/** Builds and packs the client library, and installs it beside its declared dependencies alone, without React. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-client-'));
  await run('npm', ['run', 'prepack'], { cwd: 'client' });
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  const [{ filename }] = JSON.parse((await run('npm', pack, { cwd: 'client' })).stdout);
  packed = join(directory, filename);
  const target = join(directory, 'node_modules', 'parley-client');
  await mkdir(target, { recursive: true });
  await run('tar', ['-xzf', packed, '--strip-components=1', '-C', target]);
  const { dependencies } = await manifest('client/package.json');
  for (const name of [...Object.keys(dependencies), 'graphql', 'ws', '@types/node', '@types/ws']) await link(name);
});
afterAll(() => rm(directory, { recursive: true }));

test('publint and the checker of types find no fault in the packed file', async () => {
  const publint = await run(bin('publint'), [packed, '--strict']);
  expect(publint.stdout).toContain('All good!');
  await run(bin('attw'), [packed, '--profile', 'esm-only', '--no-definitely-typed']);
});

test('the package has the built files and the README, and neither sources nor tests', async () => {
  const files = await readdir(join(directory, 'node_modules', 'parley-client'));
  expect(files.sort()).toEqual(['README.md', 'dist', 'package.json']);
});

test('its dependencies have the versions that the web client is tested with', async () => {
  const { dependencies } = await manifest('client/package.json');
  const root = await manifest('package.json');
  const installed = { ...root.dependencies, ...root.devDependencies };
  for (const [name, version] of Object.entries(dependencies)) expect([name, installed[name]]).toEqual([name, version]);
});

test('the example of its README compiles against the package and talks to a server, without React', async () => {
  await cp('examples/clients/parley-client.ts', join(directory, 'talk.ts'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  const options = { module: 'nodenext', target: 'es2022', types: ['node'], strict: true, lib: ['es2023', 'dom'] };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['talk.ts'] }));
  await run(bin('tsc'), [], { cwd: directory });

  const app = await startApp();
  const { stdout } = await run(process.execPath, ['talk.js', `${app.url}/graphql`], { cwd: directory });
  expect(stdout).toContain('Ada: A plum');
  expect(stdout).toContain('Ada: And a file');
  await app.stop();
});

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
}

async function manifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Installs a package by a link to the one that is installed here. */
async function link(name: string): Promise<void> {
  const target = join(directory, 'node_modules', name);
  await mkdir(dirname(target), { recursive: true });
  await symlink(resolve('node_modules', name), target);
}
