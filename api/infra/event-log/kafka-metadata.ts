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
const onlyWithLeader = new AsyncLocalStorage<true>();

/**
 * Runs a query over all partitions of a topic, leaving out those without a leader: kafkajs would query none.
 * @param question must use a client of its own, since kafkajs caches metadata
 */
export function queryPartitionsWithLeader<T>(question: () => Promise<T>): Promise<T> {
  return onlyWithLeader.run(true, question);
}

/**
 * Patches kafkajs, which rejects the metadata of a topic if one partition has no leader. Such a partition gets the leader -1,
 * for which kafkajs waits as for any broker that it does not know yet. Call it once.
 */
export function tolerateMissingLeaders(): void {
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
    partitionMetadata: onlyWithLeader.getStore() ? partitions.filter(({ leader }) => leader >= 0) : partitions,
  };
}
