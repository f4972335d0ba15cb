import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createFrameEncoder, encodePong, encodeText, type ResultType } from '../../api/live/frames.ts';

let bytes: Buffer;
let url: string;

/** Starts a server that sends `bytes` to each client and closes the socket. */
beforeAll(async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, duplex, head) => {
    sockets.handleUpgrade(request, duplex, head, (socket) => {
      duplex.write(bytes);
      socket.close();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return () => void server.close();
});

/** Returns the messages that a WebSocket client receives if it is sent these bytes. */
async function decode(frames: Buffer): Promise<{ messages: string[]; pongs: string[] }> {
  bytes = frames;
  const client = new WebSocket(url);
  const received: { messages: string[]; pongs: string[] } = { messages: [], pongs: [] };
  client.on('message', (data) => received.messages.push(String(data)));
  client.on('pong', (data) => received.pongs.push(String(data)));
  const [code] = await once(client, 'close');
  expect(code).toBe(1005);
  return received;
}

/** Lengths around those at which the header of a frame grows. */
const lengths = [0, 1, 80, 81, 82, 83, 84, 125, 126, 127, 65_535 - 40, 65_535, 65_536, 200_000];

describe('frames', () => {
  test.each(lengths)('of a text of %i characters are decoded as that text', async (length) => {
    const text = 'x'.repeat(length);
    expect((await decode(encodeText(text))).messages).toEqual([text]);
  });

  test('of a pong are decoded as that pong', async () => {
    expect((await decode(encodePong(Buffer.from('alive?')))).pongs).toEqual(['alive?']);
  });

  test.each(lengths)('of payloads of %i characters carry the id of each subscription', async (length) => {
    const payload = { data: { text: 'é'.repeat(length) } };
    const encode = createFrameEncoder([Buffer.from(JSON.stringify(payload)), Buffer.from('{"data":null}')]);
    for (const id of ['1', '2', 'a longer one', '1']) {
      for (const type of ['next', 'data'] as const) {
        const { messages } = await decode(encode(JSON.stringify(id), type));
        expect(messages.map((message) => JSON.parse(message))).toEqual([
          { id, type, payload },
          { id, type, payload: { data: null } },
        ]);
      }
    }
  });

  test('are server-sent events for clients that read those', () => {
    const encode = createFrameEncoder([Buffer.from('{"data":{"text":"é"}}'), Buffer.from('{"data":null}')]);
    for (const id of ['1', 'é', '"\n"', '1']) {
      expect(String(encode(JSON.stringify(id), 'event'))).toBe(
        [{ data: { text: 'é' } }, { data: null }]
          .map((payload) => `event: next\ndata: ${JSON.stringify({ id, payload })}\n\n`)
          .join(''),
      );
      expect(encode(JSON.stringify(id), 'next')[0]).toBe(0x81);
    }
  });

  test('are valid for any ids and texts', async () => {
    const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.constantFrom<ResultType>('next', 'data'), async (ids, values, type) => {
        const encode = createFrameEncoder(values.map((value) => Buffer.from(JSON.stringify({ value }))));
        for (const id of ids) {
          const { messages } = await decode(encode(JSON.stringify(id), type));
          const expected = values.map((value) => ({ id, type, payload: { value } }));
          expect(messages.map((message) => JSON.parse(message))).toEqual(expected);
        }
      }),
    );
  });
});
