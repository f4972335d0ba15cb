import { resolve } from 'node:path';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { patienceMs, testTimeoutMs } from './patience.ts';

/** Returns the configuration of a suite. @param options its own ones, which replace those that all suites share */
export function defineSuite(options: NonNullable<ViteUserConfig['test']>): ViteUserConfig {
  return defineConfig({
    // Packages that tests load outside of Vite import this file; a second copy of graphql would not recognize their types.
    resolve: {
      alias: [
        { find: /^graphql$/, replacement: 'graphql/index.js' },
        // The package's own name, whose export is the built file.
        { find: 'parley/testing', replacement: resolve('api/testing.ts') },
      ],
    },
    test: {
      root: '.',
      globalSetup: ['test/support/services/shared-servers.ts'],
      setupFiles: ['test/support/setup.ts'],
      testTimeout: testTimeoutMs,
      hookTimeout: testTimeoutMs,
      teardownTimeout: testTimeoutMs,
      expect: { poll: { timeout: patienceMs } },
      ...options,
    },
  });
}
