import { defineConfig } from 'vitest/config';
import { patienceMs, testTimeoutMs } from '../support/patience.ts';

export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: '.',
    include: ['test/e2e/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    teardownTimeout: testTimeoutMs,
    expect: { poll: { timeout: patienceMs } },
    fileParallelism: false,
  },
});
