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

/** Splits payloads into groups of at most `maxBytes` bytes, in order. A larger payload is a group by itself. */
export function groupByBytes<Payload extends Buffer>(payloads: readonly Payload[], maxBytes: number): Payload[][] {
  const groups: Payload[][] = [];
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

/** Returns the length of the header of a text frame, in bytes. @param length length of the content */
export function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes the header of a text frame at an offset, and returns the offset of its content. */
export function writeHeader(frame: Buffer, offset: number, length: number): number {
  frame[offset] = textFrame;
  if (length < 126) return frame.writeUInt8(length, offset + 1);
  if (length < 65_536) return frame.writeUInt16BE(length, frame.writeUInt8(126, offset + 1));
  return frame.writeBigUInt64BE(BigInt(length), frame.writeUInt8(127, offset + 1));
}
