import { defineConfig } from 'vitest/config';
import { patienceMs, testTimeoutMs } from '../support/patience.ts';
import { filesLeftOut } from '../support/services/left-out.ts';

export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: '.',
    include: ['test/isolation/**/*.test.ts'],
    exclude: filesLeftOut(),
    globalSetup: ['test/support/services/shared-servers.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    teardownTimeout: testTimeoutMs,
    expect: { poll: { timeout: patienceMs } },
    fileParallelism: false,
  },
});
