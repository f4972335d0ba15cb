import { startOwnPostgres } from '../support/services/postgres.ts';
import { sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { startClustered } from './clustered.ts';
import { describeIsolation } from './isolation.ts';
import { crowds } from './parties/crowds.ts';
import { services } from './parties/services.ts';

async function start() {
  const [postgres, brokers, redisUrl] = await Promise.all([startOwnPostgres(), sharedKafka(), sharedRedis()]);
  return startClustered(postgres, { brokers, redisUrl });
}

describeIsolation('Kafka, Redis and PostgreSQL', start, [...crowds, ...services]);
