/** First bytes of whole, unmasked frames (RFC 6455, section 5.2). */
const textFrame = 0x81;
const pongFrame = 0x8a;

/** Returns a text message as one WebSocket frame. */
export function encodeText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerLength(length) + length);
  frame.write(text, writeHeader(frame, 0, length));
  return frame;
}

/**
 * Returns the pong frame that belongs to a ping.
 * @param data payload of the ping; at most 125 bytes
 */
export function encodePong(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([pongFrame, data.length]), data]);
}

/**
 * Type of the messages that carry results: `next` in graphql-transport-ws, `data` in the older graphql-ws; `event` stands for
 * server-sent events, which have no frames.
 */
export type ResultType = 'next' | 'data' | 'event';

/**
 * Returns the frames of messages with results, in a buffer of the caller's own.
 * @param idJson the operation's id, as JSON
 */
export type EncodeFrames = (idJson: string, type: ResultType) => Buffer;

/** Frames without operation ids, with room for ids of one length. */
interface Template {
  bytes: Buffer;
  /** Offset of each id, in bytes. */
  idOffsets: number[];
}

/** Text of a message around its id and its payload. */
interface Envelope {
  prefix: string;
  infix: Buffer;
  suffix: string;
  /** Distinguishes the templates of the types: 0 to 2. */
  order: number;
}

const framed = { prefix: '{"id":', suffix: '}' };
const envelopes: Readonly<Record<ResultType, Envelope>> = {
  next: { ...framed, infix: Buffer.from(',"type":"next","payload":'), order: 0 },
  data: { ...framed, infix: Buffer.from(',"type":"data","payload":'), order: 1 },
  event: { prefix: 'event: next\ndata: {"id":', infix: Buffer.from(',"payload":'), suffix: '}\n\n', order: 2 },
};

/**
 * Returns an encoder for payloads that many subscriptions get. The frames are built once for each type of
 * message and length of an operation's id; each call copies them and fills in the id.
 * @param payloads JSON, one for each message
 */
export function createFrameEncoder(payloads: readonly Buffer[]): EncodeFrames {
  const templates = new Map<number, Template>();
  return (idJson, type) => {
    const idLength = Buffer.byteLength(idJson);
    // One map for all types costs nothing where all clients speak one protocol.
    const key = idLength * 3 + envelopes[type].order;
    const template = templates.get(key) ?? createTemplate(payloads, idLength, type);
    templates.set(key, template);
    const encoding = idLength === idJson.length ? 'latin1' : 'utf8';
    const frames = Buffer.allocUnsafe(template.bytes.length);
    template.bytes.copy(frames);
    for (const offset of template.idOffsets) frames.write(idJson, offset, encoding);
    return frames;
  };
}

/** Splits payloads into groups of at most `maxBytes` bytes, in order. A larger payload is a group by itself. */
export function groupByBytes(payloads: readonly Buffer[], maxBytes: number): Buffer[][] {
  const groups: Buffer[][] = [];
  let room = 0;
  for (const payload of payloads) {
    if (payload.length > room) {
      groups.push([]);
      room = maxBytes;
    }
    groups.at(-1)?.push(payload);
    room -= payload.length;
  }
  return groups;
}

/** Returns the length of all payloads together, in bytes. */
export function totalBytes(payloads: readonly Buffer[]): number {
  return payloads.reduce((sum, { length }) => sum + length, 0);
}

function createTemplate(payloads: readonly Buffer[], idLength: number, type: ResultType): Template {
  const { prefix, infix, suffix } = envelopes[type];
  const isFramed = type !== 'event';
  const envelopeLength = prefix.length + idLength + infix.length + suffix.length;
  const lengths = payloads.map((payload) => envelopeLength + payload.length);
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + (isFramed ? headerLength(length) : 0) + length, 0));
  const idOffsets: number[] = [];
  let offset = 0;
  for (const [n, payload] of payloads.entries()) {
    if (isFramed) offset = writeHeader(bytes, offset, lengths[n] ?? 0);
    offset += bytes.write(prefix, offset, 'latin1');
    idOffsets.push(offset);
    offset += idLength;
    offset += infix.copy(bytes, offset);
    offset += payload.copy(bytes, offset);
    offset += bytes.write(suffix, offset, 'latin1');
  }
  return { bytes, idOffsets };
}

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes the header of a text frame at an offset, and returns the offset of its content. */
function writeHeader(frame: Buffer, offset: number, length: number): number {
  frame[offset] = textFrame;
  if (length < 126) return frame.writeUInt8(length, offset + 1);
  if (length < 65_536) return frame.writeUInt16BE(length, frame.writeUInt8(126, offset + 1));
  return frame.writeBigUInt64BE(BigInt(length), frame.writeUInt8(127, offset + 1));
}
