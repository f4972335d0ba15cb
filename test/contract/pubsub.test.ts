import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import { createTestLogger } from '../support/logger.ts';
import { describePubSub } from './pubsub.ts';

describePubSub('in memory', async () => {
  const pubsub = createMemoryPubSub({ logger: createTestLogger() });
  return { pubsub, dispose: () => pubsub.stop() };
});
