/** First bytes of whole, unmasked frames (RFC 6455, section 5.2). */
const textFrame = 0x81;
const pongFrame = 0x8a;

/** A text message as one WebSocket frame. */
export function encodeText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerLength(length) + length);
  frame.write(text, writeHeader(frame, 0, length));
  return frame;
}

/** The answer to a ping. */
export function encodePong(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([pongFrame, data.length]), data]);
}

/** `next` messages of graphql-transport-ws in one length of operation id. */
interface Template {
  bytes: Buffer;
  /** Where the ids go. */
  places: number[];
}

/** The frames of one subscription: a copy of what all have in common, with its operation id in place. */
export type Frames = (idJson: string) => Buffer;

const before = '{"id":';
const between = Buffer.from(',"type":"next","payload":');
const after = '}';

/**
 * `next` messages for all who get the same payloads: framed once for each length that an operation's id has.
 * @param payloads JSON
 * @returns takes an operation's id as JSON
 */
export function createFrames(payloads: readonly Buffer[]): Frames {
  const templates = new Map<number, Template>();
  return (idJson) => {
    const idLength = Buffer.byteLength(idJson);
    const template = templates.get(idLength) ?? createTemplate(payloads, idLength);
    templates.set(idLength, template);
    const encoding = idLength === idJson.length ? 'latin1' : 'utf8';
    const frames = Buffer.allocUnsafe(template.bytes.length);
    template.bytes.copy(frames);
    for (const place of template.places) frames.write(idJson, place, encoding);
    return frames;
  };
}

/** Payloads in groups of so many bytes at most, but for one that is larger by itself. */
export function portions(payloads: readonly Buffer[], most: number): Buffer[][] {
  const groups: Buffer[][] = [];
  let room = 0;
  for (const payload of payloads) {
    if (payload.length > room) {
      groups.push([]);
      room = most;
    }
    groups.at(-1)?.push(payload);
    room -= payload.length;
  }
  return groups;
}

/** How long they are together. */
export function bytesOf(payloads: readonly Buffer[]): number {
  return payloads.reduce((sum, { length }) => sum + length, 0);
}

function createTemplate(payloads: readonly Buffer[], idLength: number): Template {
  const fixed = before.length + idLength + between.length + after.length;
  const lengths = payloads.map((payload) => fixed + payload.length);
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + headerLength(length) + length, 0));
  const places: number[] = [];
  let at = 0;
  for (const [n, payload] of payloads.entries()) {
    at = writeHeader(bytes, at, lengths[n] ?? 0);
    at += bytes.write(before, at, 'latin1');
    places.push(at);
    at += idLength;
    at += between.copy(bytes, at);
    at += payload.copy(bytes, at);
    at += bytes.write(after, at, 'latin1');
  }
  return { bytes, places };
}

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** @returns where the text goes */
function writeHeader(frame: Buffer, at: number, length: number): number {
  frame[at] = textFrame;
  if (length < 126) return frame.writeUInt8(length, at + 1);
  if (length < 65_536) return frame.writeUInt16BE(length, frame.writeUInt8(126, at + 1));
  return frame.writeBigUInt64BE(BigInt(length), frame.writeUInt8(127, at + 1));
}
