import { filesLeftOut } from '../support/services/left-out.ts';
import { defineSuite } from '../support/suite.ts';
import { relayTags } from './relay-tags.ts';

const suite = defineSuite({
  include: ['test/clients/**/*.test.ts'],
  exclude: filesLeftOut(),
  fileParallelism: false,
});

export default { ...suite, plugins: [relayTags()] };
