import { testTimeoutMs } from '../support/patience.ts';
import { filesLeftOut } from '../support/services/left-out.ts';
import { defineSuite } from '../support/suite.ts';

export default defineSuite({
  include: ['test/faults/**/*.test.ts'],
  exclude: filesLeftOut(),
  fileParallelism: false,
  testTimeout: 2 * testTimeoutMs,
});
