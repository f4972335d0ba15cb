import { filesLeftOut } from '../support/services/left-out.ts';
import { defineSuite } from '../support/suite.ts';

export default defineSuite({
  include: ['test/attack/**/*.test.ts'],
  exclude: filesLeftOut(),
  globalSetup: ['test/support/services/shared-servers.ts'],
  fileParallelism: false,
});
