import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { readBody } from '../../api/gateway/graphql/read-body.ts';
import { maxRequestBytes } from '../../api/gateway/request-limits.ts';

function requestOf(iterator: () => AsyncIterable<Buffer>, headers = {}): IncomingMessage {
  return { headers, iterator } as unknown as IncomingMessage;
}

/** Yields each letter of a text in the same byte of memory. */
async function* letters(text: string): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(1);
  for (const letter of text) {
    chunk.write(letter);
    yield chunk;
  }
}

it('copies each chunk when it arrives, so that a body of many chunks holds none of them', async () => {
  const text = 'abcdefghij'.repeat(1_000);
  const body = await readBody(requestOf(() => letters(text)));
  expect(body.toString()).toBe(text);
  expect(body.buffer.byteLength).toBeLessThanOrEqual(text.length * 2);
});

it('reads as much as a request may have, and no more', async () => {
  async function* chunks(more: number) {
    yield Buffer.alloc(maxRequestBytes - 1);
    yield Buffer.alloc(more);
    if (more > 1) throw new Error('read on');
  }
  expect(await readBody(requestOf(() => chunks(1)))).toHaveLength(maxRequestBytes);
  const refused = { extensions: { code: 'TOO_LARGE', limit: maxRequestBytes, http: { status: 413 } } };
  await expect(readBody(requestOf(() => chunks(2)))).rejects.toMatchObject(refused);
  const declared = { 'content-length': String(maxRequestBytes + 1) };
  await expect(readBody(requestOf(() => chunks(2), declared))).rejects.toMatchObject(refused);
});
