import { availableParallelism } from 'node:os';
import { filesLeftOut } from './test/support/services/left-out.ts';
import { defineSuite } from './test/support/suite.ts';

export default defineSuite({
  include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
  exclude: [
    'test/e2e/**',
    'test/clients/**',
    'test/faults/**',
    'test/attack/**',
    'test/isolation/**',
    'test/bench/**',
    ...filesLeftOut(),
  ],
  // More workers than cores: most tests wait most of the time.
  maxWorkers: availableParallelism() + 1,
});
