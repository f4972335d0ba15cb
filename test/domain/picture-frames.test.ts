import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { readFrames, writeFrame } from '../../api/domain/picture-frames.js';

const messages = ['', 'Hello', 'x'.repeat(100_000), '{"pixels":1}', ''];

function encode(): Buffer {
  const stream = new PassThrough({ highWaterMark: 1_000_000 });
  for (const message of messages) writeFrame(stream, message);
  return stream.read();
}

it.each([1, 3, 4, 7, 65_536, 1_000_000])('messages arrive whole and in order in chunks of %i bytes', async (size) => {
  const bytes = encode();
  const stream = new PassThrough();
  const next = readFrames(stream);
  for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
  for (const message of messages) expect(String(await next())).toBe(message);
});

it('a message above the maximum length ends the stream', async () => {
  const stream = new PassThrough();
  const failed = new Promise((resolve) => stream.once('error', resolve));
  readFrames(stream);
  stream.write(Buffer.from('ffffffff', 'hex'));
  expect(await failed).toMatchObject({ message: 'a message is too long' });
});
