import { defineConfig } from 'vitest/config';
import { patienceMs, testTimeoutMs } from './test/support/patience.ts';
import { filesLeftOut } from './test/support/services/left-out.ts';

export default defineConfig({
  // Packages that tests load outside of Vite import this file; a second copy of graphql would not recognize their types.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/e2e/**',
      'test/faults/**',
      'test/attack/**',
      'test/isolation/**',
      'test/bench/**',
      ...filesLeftOut(),
    ],
    globalSetup: ['test/support/services/shared-servers.ts'],
    setupFiles: ['test/support/setup.ts'],
    // One worker per core: most tests wait most of the time.
    maxWorkers: '100%',
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    teardownTimeout: testTimeoutMs,
    expect: { poll: { timeout: patienceMs } },
  },
});
