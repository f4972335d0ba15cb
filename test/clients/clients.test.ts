import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { patientSettings } from '../support/patience.ts';
import { startProcess } from '../support/process.ts';
import { guardDirectory } from '../support/services/guard.ts';
import { clients } from './clients.ts';
import { compileJava } from './java.ts';
import { jwtSecret, playScenario, type Step } from './scenario.ts';
import { withTable } from './table.ts';

let url: string;
let directory: string;
const results = clients.map((client) => ({ client, passed: new Set<Step>() }));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-clients-'));
  guardDirectory(directory);
  await compileJava(directory);
  const server = await startProcess({ ...patientSettings, DATA_DIR: join(directory, 'data'), JWT_SECRET: jwtSecret });
  ({ url } = server);
  return async () => {
    await server.kill('SIGTERM');
    await rm(directory, { recursive: true });
  };
});

test.each(results)('$client.name over $client.transport', async ({ client, passed }) => {
  await playScenario(url, await client.load(directory), (step) => passed.add(step));
});

test('docs/clients.md shows the results of this run: `npm run test:clients -- -u` writes them', async () => {
  const page = await readFile('docs/clients.md', 'utf8');
  await expect(await withTable(page, results)).toMatchFileSnapshot('../../docs/clients.md');
});
