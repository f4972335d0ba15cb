import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';

interface Partition {
  partitionErrorCode: number;
  leader: number;
}

interface Topic {
  partitionMetadata: Partition[];
}

interface Metadata {
  topicMetadata: Topic[];
}

type Parse = (metadata: Metadata) => Promise<unknown>;

const requireModule = createRequire(import.meta.url);
/** The versions of Kafka's metadata response that kafkajs speaks. */
const versions = [0, 1, 2, 3, 4, 5, 6];
const ledOnly = new AsyncLocalStorage<true>();

/**
 * Runs what asks all partitions of a topic something, of which those without a leader are left out: kafkajs would ask none.
 * It is to bring its own client, since kafkajs keeps what it knows.
 */
export function askLed<T>(question: () => Promise<T>): Promise<T> {
  return ledOnly.run(true, question);
}

/**
 * kafkajs refuses to know anything of a topic of which one partition has no leader. This teaches it that the leader of such a
 * partition is nobody (-1), whom it waits for as for any broker that it does not know. To be called once.
 */
export function tolerateHeadless(): void {
  const responses = versions.map((version): { parse: Parse } =>
    requireModule(`kafkajs/src/protocol/requests/metadata/v${version}/response.js`),
  );
  for (const response of responses) {
    const { parse } = response;
    response.parse = (metadata) => parse({ ...metadata, topicMetadata: metadata.topicMetadata.map(tolerate) });
  }
}

function tolerate(topic: Topic): Topic {
  const partitions = topic.partitionMetadata.map((one) =>
    one.partitionErrorCode === 0 ? one : { ...one, partitionErrorCode: 0, leader: -1 },
  );
  return {
    ...topic,
    partitionMetadata: ledOnly.getStore() ? partitions.filter(({ leader }) => leader >= 0) : partitions,
  };
}
