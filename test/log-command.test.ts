import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test.each([
  ['status --from begin', 'npm run log -- status'],
  ['accept --partition', 'npm run log -- accept --partition N'],
  ['accept --partition one --from begin', '"one" is not a number'],
  ['status', 'without KAFKA_BROKERS'],
])('the command for the log refuses "%s" with a plain message', (words, message) => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'api/commands/log.ts', ...words.split(' ')],
    { env: {}, encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
  expect(stderr).not.toContain('    at ');
});
