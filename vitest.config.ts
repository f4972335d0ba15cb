import { defineConfig } from 'vitest/config';
import { filesLeftOut } from './test/support/services/left-out.ts';

export default defineConfig({
  // The packages that tests load outside of Vite take this file: a second copy of graphql would not know their types.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/faults/**', 'test/bench/**', ...filesLeftOut()],
    globalSetup: ['test/support/services/shared-servers.ts'],
    setupFiles: ['test/support/setup.ts'],
    // One a core: most of what tests do is wait.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
