/*
 * The two requests of Kafka's protocol that the id of a topic takes: https://kafka.apache.org/protocol. From version 9 on the
 * metadata are "flexible": lengths are varints of the length plus one, and tagged fields end each structure.
 */

/** A topic as a broker describes it. */
export interface TopicIdentity {
  /** Changes when the topic is deleted and created again; null if the brokers are older than Kafka 2.8 and know no ids. */
  id: string | null;
  /** Number of partitions; null where the id is null. */
  partitions: number | null;
}

/** Version of the metadata request that has ids of topics: Kafka 2.8 and newer. */
export const metadataVersion = 10;

const keys = { metadata: 3, versions: 18 };
const correlationId = 1;
const client = 'parley';

/** Encodes a request for the versions that a broker accepts. */
export function encodeVersionsRequest(): Buffer {
  return withLength(header(keys.versions, 0));
}

/** Returns the newest version of metadata that a broker accepts; 0 if it names none. */
export function readNewestMetadata(response: Buffer): number {
  const reader = createReader(response);
  reader.skip(4);
  if (reader.int16() !== 0) return 0;
  for (let left = reader.int32(); left > 0; left--) {
    const key = reader.int16();
    reader.skip(2);
    const newest = reader.int16();
    if (key === keys.metadata) return newest;
  }
  return 0;
}

/** Encodes a request for the metadata of one topic, which does not create it. */
export function encodeMetadataRequest(topic: string): Buffer {
  const name = Buffer.from(topic);
  const noTags = Buffer.from([0]);
  const anyId = Buffer.alloc(16);
  const flags = Buffer.from([0, 0, 0]);
  const topics = [Buffer.from([2]), anyId, varint(name.length + 1), name, noTags];
  return withLength(header(keys.metadata, metadataVersion), noTags, ...topics, flags, noTags);
}

/** Reads the topic from a response. @throws Error when the topic does not exist, or has no id */
export function readTopic(response: Buffer, topic: string): TopicIdentity {
  const reader = createReader(response);
  reader.skip(4);
  reader.skipTags();
  reader.skip(4);
  for (let left = reader.varint() - 1; left > 0; left--) skipBroker(reader);
  reader.skip(Math.max(reader.varint() - 1, 0));
  reader.skip(4);
  if (reader.varint() - 1 !== 1) throw new Error(`the broker did not describe topic ${topic}`);
  const code = reader.int16();
  reader.skip(Math.max(reader.varint() - 1, 0));
  const id = reader.bytes(16);
  if (code !== 0) throw new Error(`the broker does not describe topic ${topic}: error ${code}`);
  reader.skip(1);
  // A cluster that was upgraded and has no ids yet sends zeros.
  const isKnown = id.some((byte) => byte !== 0);
  return { id: isKnown ? id.toString('hex') : null, partitions: reader.varint() - 1 };
}

function skipBroker(reader: Reader): void {
  reader.skip(4);
  reader.skip(Math.max(reader.varint() - 1, 0));
  reader.skip(4);
  reader.skip(Math.max(reader.varint() - 1, 0));
  reader.skipTags();
}

function header(key: number, version: number): Buffer {
  const bytes = Buffer.alloc(10 + client.length);
  bytes.writeInt16BE(key, 0);
  bytes.writeInt16BE(version, 2);
  bytes.writeInt32BE(correlationId, 4);
  bytes.writeInt16BE(client.length, 8);
  bytes.write(client, 10);
  return bytes;
}

function withLength(...parts: readonly Buffer[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(parts.reduce((sum, { length }) => sum + length, 0));
  return Buffer.concat([length, ...parts]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

interface Reader {
  int16(): number;
  int32(): number;
  varint(): number;
  bytes(length: number): Buffer;
  skip(length: number): void;
  skipTags(): void;
}

/** Creates a reader, whose methods throw a RangeError beyond the end of the response. */
function createReader(response: Buffer): Reader {
  let at = 0;
  const advance = (length: number) => {
    if (at + length > response.length) throw new RangeError('the response of the broker is too short');
    at += length;
    return at - length;
  };
  const reader: Reader = {
    int16: () => response.readInt16BE(advance(2)),
    int32: () => response.readInt32BE(advance(4)),
    bytes: (length) => response.subarray(advance(length), at),
    skip: (length) => void advance(length),
    varint() {
      for (let value = 0, shift = 0; ; shift += 7) {
        const byte = response.readUInt8(advance(1));
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) return value >>> 0;
      }
    },
    skipTags() {
      for (let left = reader.varint(); left > 0; left--) {
        reader.varint();
        reader.skip(reader.varint());
      }
    },
  };
  return reader;
}
