import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);

let directory: string;

/** Installs the packed package, as `npm ci` has built it here, into a directory with all packages that it may need. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-package-'));
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory]);
  const [{ filename }] = JSON.parse(stdout);
  await run('cp', ['-a', 'node_modules', directory]);
  const target = join(directory, 'node_modules', 'parley');
  await mkdir(target);
  await run('tar', ['-xzf', join(directory, filename), '--strip-components=1', '-C', target]);
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rm(directory, { recursive: true }));

test('the program of the package runs', async () => {
  const { version, bin } = JSON.parse(await readFile('package.json', 'utf8'));
  const program = join(directory, 'node_modules', 'parley', bin.parley);
  expect((await run(process.execPath, [program, '--version'])).stdout).toBe(`${version}\n`);
});

const script = `import { startEphemeral, type SeedReport } from 'parley/testing';

const server = await startEphemeral({ seed: true });
const seed: SeedReport | null = server.seed;
const page = await fetch(server.url);
console.log(JSON.stringify([page.status, page.headers.get('content-type'), Object.keys(seed?.users ?? {})]));
await server.stop();
`;

test('the package starts an ephemeral server with the web client, and has types', async () => {
  const options = { module: 'nodenext', target: 'es2022', lib: ['es2023', 'dom'], types: ['node'], strict: true };
  await writeFile(join(directory, 'test.ts'), script);
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['test.ts'] }));
  await run(process.execPath, [join(directory, 'node_modules/typescript/bin/tsc')], { cwd: directory });
  const { stdout } = await run(process.execPath, ['test.js'], { cwd: directory });
  expect(JSON.parse(stdout)).toEqual([200, expect.stringContaining('text/html'), ['ada', 'bob', 'cleo']]);
});

test('the package has the image of an empty database, and neither sources nor tests', async () => {
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--dry-run']);
  const [{ files }] = JSON.parse(stdout);
  const paths = files.map(({ path }: { path: string }) => path);
  expect(paths).toContain('dist/database.tar.gz');
  expect(paths).toContain('prisma/migrations/0001_initial/migration.sql');
  expect(paths.filter((path: string) => /^(api|test|client|schema|examples)\//.test(path))).toEqual([]);
});
