import { filesLeftOut } from '../support/services/left-out.ts';
import { defineSuite } from '../support/suite.ts';

export default defineSuite({
  include: ['test/attack/**/*.test.ts'],
  exclude: filesLeftOut(),
  fileParallelism: false,
});
