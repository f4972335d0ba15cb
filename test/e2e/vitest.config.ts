import { defineSuite } from '../support/suite.ts';

export default defineSuite({ include: ['test/e2e/**/*.test.ts'], fileParallelism: false });
