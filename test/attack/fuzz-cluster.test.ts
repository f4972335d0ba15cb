import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { describeFuzz } from './fuzz/fuzz.ts';
import { createClustered } from './target.ts';

describeFuzz(
  'Kafka, Redis and PostgreSQL',
  async () => {
    const [brokers, redisUrl, databaseUrl] = await Promise.all([sharedKafka(), sharedRedis(), createSharedDatabase()]);
    return createClustered({ brokers, redisUrl, databaseUrl });
  },
  40_000,
);
