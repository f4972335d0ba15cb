import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { describeAttacks } from './attacks.ts';
import { createClustered } from './target.ts';

describeAttacks('Kafka, Redis and PostgreSQL', async () => {
  const [brokers, redisUrl, databaseUrl] = await Promise.all([sharedKafka(), sharedRedis(), createSharedDatabase()]);
  return createClustered({ brokers, redisUrl, databaseUrl });
});
