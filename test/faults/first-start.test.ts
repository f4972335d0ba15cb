import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';

const program = fileURLToPath(new URL('../support/first-start.ts', import.meta.url));
const args = (dataDir: string) => ['--import', 'tsx', program, dataDir];

const root = await mkdtemp(join(tmpdir(), 'parley-first-start-'));
afterAll(() => rm(root, { recursive: true }));

test('the process that creates the database has ended when the database opens, and its memory with it', async () => {
  const dataDir = join(root, 'memory');

  const { stdout } = await promisify(execFile)(process.execPath, args(dataDir));

  const { residentMb, children } = JSON.parse(stdout) as { residentMb: number; children: string[] };
  expect(children).toEqual([]);
  // 270 MB, and 700 to 900 when the same process creates the database.
  expect(residentMb).toBeLessThan(500);
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  expect((await stat(join(dataDir, 'database'))).mode & 0o777).toBe(0o700);
  expect(await readdir(dataDir)).toEqual(['database']);
});

/** The one draft of a database in a directory. */
const draftIn = (dataDir: string) => {
  const name = existsSync(dataDir)
    ? readdirSync(dataDir).find((entry) => entry.startsWith('database.new-'))
    : undefined;
  return name === undefined ? null : join(dataDir, name);
};
const draftHas = (dataDir: string, file: string) => {
  const draft = draftIn(dataDir);
  return draft !== null && existsSync(join(draft, file));
};

const moments: Record<string, (dataDir: string) => boolean> = {
  'before there are files': (dataDir) => draftIn(dataDir) !== null,
  'while its files are copied': (dataDir) => draftHas(dataDir, 'PG_VERSION'),
  'while PostgreSQL starts on it': (dataDir) => draftHas(dataDir, 'postmaster.pid'),
  'when it has its name': (dataDir) => existsSync(join(dataDir, 'database')),
};

describe('a first start that is killed', () => {
  for (const [moment, hasCome] of Object.entries(moments)) {
    test(`${moment} leaves a directory that the next start opens`, async () => {
      const dataDir = join(root, moment.replaceAll(' ', '-'));
      const starting = spawn(process.execPath, args(dataDir), { stdio: ['ignore', 'ignore', 'inherit'] });
      await until(() => hasCome(dataDir));
      await killWithChildren(starting, dataDir);

      const database = await createPgliteDatabase({ dataDir, migrations: paths.migrations });

      expect(await database.query('SELECT count(*)::int AS users FROM users')).toEqual([{ users: 0 }]);
      await database.stop();
      expect(await readdir(dataDir)).toEqual(['database']);
    });
  }
});

/** Kills a process, and waits for the end of every process that names its directory: one may have been started just now. */
async function killWithChildren(child: ChildProcess, dataDir: string): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  await until(() => !readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(dataDir)));
}

/** Returns the command line of a process; empty if it has ended. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(2);
}
