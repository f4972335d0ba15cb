/*
 * Messages between the server and a picture process: the length of a message in four bytes, then its bytes. In JavaScript,
 * because the program that uses it is started by Node itself, without a loader for TypeScript.
 */

const lengthBytes = 4;
/** Maximum length of a message: an uncompressed picture of the maximum number of pixels. */
const maxLength = 268_435_456;

/**
 * Writes a message.
 * @param {import('node:stream').Writable} stream
 * @param {Uint8Array | string} message
 */
export function writeFrame(stream, message) {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message;
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(bytes.length);
  stream.write(length);
  if (bytes.length > 0) stream.write(bytes);
}

/**
 * Reads messages. The stream flows all the time, so that its end is noticed when nobody waits for a message.
 * @param {import('node:stream').Readable} stream
 * @returns {() => Promise<Buffer>} returns the next message; one call at a time
 */
export function readFrames(stream) {
  /** @type {Buffer[]} */
  const messages = [];
  /** @type {((message: Buffer) => void) | null} */
  let receive = null;
  let head = Buffer.alloc(0);
  /** @type {Buffer | null} */
  let body = null;
  let filled = 0;
  stream.on('data', (/** @type {Buffer} */ chunk) => {
    for (let at = 0; at < chunk.length; )
      at += body === null ? readHead(chunk.subarray(at)) : readBody(chunk, at, body);
    deliver();
  });

  return () =>
    new Promise((resolve) => {
      receive = resolve;
      deliver();
    });

  /**
   * Reads from the length of a message, and allocates its bytes once the length is complete: a message is copied once.
   * @param {Buffer} chunk
   */
  function readHead(chunk) {
    const part = chunk.subarray(0, lengthBytes - head.length);
    head = Buffer.concat([head, part]);
    if (head.length < lengthBytes) return part.length;
    const length = head.readUInt32BE();
    head = Buffer.alloc(0);
    if (length > maxLength) stream.destroy(new Error('a message is too long'));
    else start(Buffer.allocUnsafe(length));
    return part.length;
  }

  /**
   * @param {Buffer} chunk
   * @param {number} at
   * @param {Buffer} message
   */
  function readBody(chunk, at, message) {
    const copied = chunk.copy(message, filled, at);
    filled += copied;
    finish(message);
    return copied;
  }

  /** @param {Buffer} message */
  function start(message) {
    body = message;
    filled = 0;
    finish(message);
  }

  /** @param {Buffer} message */
  function finish(message) {
    if (filled < message.length) return;
    messages.push(message);
    body = null;
  }

  function deliver() {
    if (receive === null) return;
    const message = messages.shift();
    if (message === undefined) return;
    const resolve = receive;
    receive = null;
    resolve(message);
  }
}
