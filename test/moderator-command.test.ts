import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createApp } from '../api/app.ts';
import { askServer } from '../api/compose/operator-socket.ts';
import { readConfig } from '../api/config.ts';
import { readModeratorCommand } from '../api/domain/moderator-commands.ts';
import { registered } from './support/client.ts';
import { createDataDirectory } from './support/data-directory.ts';
import { createTestLogger } from './support/logger.ts';

const program = ['--import', 'tsx', 'api/commands/moderator.ts'];

/** Runs the command over a data directory, and returns its output. */
async function moderator(directory: string, ...words: string[]): Promise<string> {
  const run = promisify(execFile)(process.execPath, [...program, ...words], { env: { DATA_DIR: directory } });
  return run.then(
    ({ stdout }) => stdout,
    (error: { stderr: string }) => error.stderr,
  );
}

test.each([[[]], [['add']], [['list', 'x']], [['audit', '0']], [['add', 'a', 'b']]])(
  'the words %j are no command for moderators',
  (words) => {
    expect(() => readModeratorCommand(words)).toThrow('npm run moderator -- add EMAIL');
  },
);

test('moderators are appointed while the server runs and while it does not', async () => {
  const directory = await createDataDirectory();
  const config = readConfig({ HOST: '127.0.0.1', PORT: '0', DATA_DIR: directory, RATE_LIMITS: 'off' });
  const app = await createApp(config, createTestLogger());
  const url = `http://127.0.0.1:${app.port}`;
  const ada = await registered(url, 'Ada', 'ada@example.org');
  const isModerator = async () => (await ada.ask('{ me { isModerator } }')).me.isModerator;

  await expect(askServer(directory, ['add', 'eve@example.org'])).rejects.toThrow('No registered user has the address');
  expect(await moderator(directory, 'add', 'Ada@Example.org')).toBe('ada@example.org is a moderator of the service.\n');
  expect(await isModerator()).toBe(true);
  expect(await askServer(directory, ['list'])).toMatch(/^ada@example\.org {2}[\da-f-]{36} {2}Ada\n$/);
  await app.stop();

  expect(await moderator(directory, 'remove', 'ada@example.org')).toBe(
    'ada@example.org is no moderator of the service.\n',
  );
  const acts = (await moderator(directory, 'audit')).split('\n');
  expect(acts).toEqual([
    expect.stringMatching(/MODERATOR_REMOVED {2}by the operator, of Ada \(/),
    expect.stringMatching(/MODERATOR_ADDED {2}by the operator, of Ada \(/),
    '',
  ]);
  await rm(directory, { recursive: true });
});
