import { connect } from 'node:net';
import {
  encodeMetadataRequest,
  encodeVersionsRequest,
  metadataVersion,
  readNewestMetadata,
  readTopic,
  type TopicIdentity,
} from './kafka-wire.ts';

/** Maximum time for a response: a broker that hangs must not delay the others. */
const maxResponseMs = 3_000;

/**
 * Reads a topic's id, which kafkajs does not know, over connections of its own.
 * @param options.brokers `host:port`; all are asked, and the first one that knows the topic counts
 * @param options.timeoutMs milliseconds after which a broker that does not respond is given up, at most 3,000
 * @throws the error of a broker when none of them knows the topic
 */
export async function readTopicIdentity(
  { brokers, timeoutMs }: { brokers: readonly string[]; timeoutMs: number },
  topic: string,
): Promise<TopicIdentity> {
  const asked = brokers.map((broker) => ask(broker, Math.min(timeoutMs, maxResponseMs), topic));
  try {
    return await Promise.any(asked);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/**
 * Returns whether two ids are those of different topics. One that is not known proves nothing: while brokers are upgraded, old
 * ones have no ids yet.
 */
export function isOtherTopic(known: string | null | undefined, found: string | null): boolean {
  return typeof known === 'string' && found !== null && known !== found;
}

async function ask(broker: string, timeoutMs: number, topic: string): Promise<TopicIdentity> {
  const link = openLink(broker, timeoutMs);
  try {
    if (readNewestMetadata(await link.request(encodeVersionsRequest())) < metadataVersion)
      return { id: null, partitions: null };
    return readTopic(await link.request(encodeMetadataRequest(topic)), topic);
  } finally {
    link.close();
  }
}

/** Opens a connection for one request after another. A request fails when the connection does, or the time is over. */
function openLink(broker: string, timeoutMs: number) {
  const { hostname, port } = new URL(`tcp://${broker}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), noDelay: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`${broker} did not respond within ${timeoutMs} ms`)));
  const responses = splitResponses(socket);
  return {
    async request(body: Buffer): Promise<Buffer> {
      socket.write(body);
      const { value } = await responses.next();
      if (value === undefined) throw new Error(`${broker} closed the connection`);
      return value;
    },
    close: () => socket.destroy(),
  };
}

/** Yields the responses of a connection without their lengths. */
async function* splitResponses(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk]);
    for (
      ;
      bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0);
      bytes = bytes.subarray(4 + bytes.readInt32BE(0))
    )
      yield bytes.subarray(4, 4 + bytes.readInt32BE(0));
  }
  return undefined;
}
