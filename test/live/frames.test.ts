import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { encodePong, encodeText } from '../../api/live/frames.ts';
import {
  createCursorFrameEncoder,
  createFrameEncoder,
  cursorPlaceholder,
  type ResultType,
} from '../../api/live/result-frames.ts';
import type { Payload, ViewerMark } from '../../api/live/viewer-marks.ts';
import { readFrames } from '../support/frames.ts';

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
        const { messages } = await decode(encode({ idJson: JSON.stringify(id), resultType: type, cursor: null }));
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
      expect(String(encode({ idJson: JSON.stringify(id), resultType: 'event', cursor: null }))).toBe(
        [{ data: { text: 'é' } }, { data: null }]
          .map((payload) => `event: next\ndata: ${JSON.stringify({ id, payload })}\n\n`)
          .join(''),
      );
      expect(encode({ idJson: JSON.stringify(id), resultType: 'next', cursor: null })[0]).toBe(0x81);
    }
  });

  test('are valid for any ids and texts', async () => {
    const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.constantFrom<ResultType>('next', 'data'), async (ids, values, type) => {
        const encode = createFrameEncoder(values.map((value) => Buffer.from(JSON.stringify({ value }))));
        for (const id of ids) {
          const { messages } = await decode(encode({ idJson: JSON.stringify(id), resultType: type, cursor: null }));
          const expected = values.map((value) => ({ id, type, payload: { value } }));
          expect(messages.map((message) => JSON.parse(message))).toEqual(expected);
        }
      }),
    );
  });

  test('carry the cursor of each subscription wherever it was selected, and none where it was not', async () => {
    const value = fc.oneof(fc.constant(cursorPlaceholder), fc.string({ unit: 'binary' }));
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), maxLength: 300 });
    const target = fc.record({ id: fc.string(), cursor: text, type: fc.constantFrom<ResultType>('next', 'data') });
    const payloads = fc.array(fc.array(value), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(payloads, fc.array(target, { minLength: 1 }), async (values, targets) => {
        const encode = createCursorFrameEncoder(values.map((one) => Buffer.from(JSON.stringify(one))));
        for (const { id, type, cursor } of targets) {
          const frames = encode({ idJson: JSON.stringify(id), resultType: type, cursor: { text: () => cursor } });
          const { messages } = await decode(frames);
          const fill = (one: string) => (one === cursorPlaceholder ? cursor : one);
          expect(messages.map((message) => JSON.parse(message))).toEqual(
            values.map((payload) => ({ id, type, payload: payload.map(fill) })),
          );
        }
      }),
    );
  });

  test('are not searched for cursors where no subscription has one', async () => {
    const payload = Buffer.from(JSON.stringify(cursorPlaceholder));
    const frames = createFrameEncoder([payload])({ idJson: '"1"', resultType: 'next', cursor: null });
    expect((await decode(frames)).messages.map((message) => JSON.parse(message).payload)).toEqual([cursorPlaceholder]);
  });

  test('have each value that depends on the viewer where it was selected, beside cursors', () => {
    const text = fc.string({ unit: 'grapheme' });
    const place = fc.record({ text, isCursor: fc.boolean(), userIds: fc.subarray(['ada', 'bob']) });
    fc.assert(
      fc.property(fc.array(fc.array(place), { minLength: 1 }), fc.constantFrom('ada', 'bob', null), (items, userId) => {
        const payloads = items.map((places) => withMarks(places));
        const cursor = { text: () => 'abc' };
        const frames = createCursorFrameEncoder(payloads)({ idJson: '"1"', resultType: 'next', cursor, userId });
        const expected = items.map((places) =>
          places.map((one) => [one.text, one.isCursor ? 'abc' : '', userId !== null && one.userIds.includes(userId)]),
        );
        expect(readFrames(frames).map((frame) => JSON.parse(frame).payload)).toEqual(expected);
      }),
    );
  });

  test('have null, and nothing else, for each quoted message that is hidden from the viewer, beside cursors', () => {
    const text = fc.string({ unit: 'grapheme' });
    const place = fc.record({ text, isCursor: fc.boolean(), seq: fc.nat({ max: 9 }) });
    const items = fc.array(fc.array(place), { minLength: 1 });
    fc.assert(
      fc.property(items, fc.nat({ max: 10 }), fc.boolean(), (all, from, isFramed) => {
        const target = { idJson: '"1"', cursor: { text: () => 'abc' }, reader: { readableFrom: () => from } };
        const encode = createCursorFrameEncoder(all.map((places) => withQuotes(places)));
        const frames = encode({ ...target, resultType: isFramed ? 'next' : 'event' });
        const lines = String(frames).split('\n');
        const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice('data: '.length));
        const sent = isFramed ? readFrames(frames) : data;
        expect(sent.map((one) => JSON.parse(one).payload)).toEqual(
          all.map((places) =>
            places.map((one) => [one.isCursor ? 'abc' : '', one.seq < from ? null : { text: one.text }, one.text]),
          ),
        );
      }),
    );
  });
});

/** Returns a payload in which each place quotes a message. */
function withQuotes(places: readonly { text: string; isCursor: boolean; seq: number }[]): Payload {
  const marks: ViewerMark[] = [];
  let json = '[';
  for (const [n, { text, isCursor, seq }] of places.entries()) {
    const quote = JSON.stringify({ text });
    json += `${n > 0 ? ',' : ''}["${isCursor ? cursorPlaceholder : ''}",`;
    marks.push({ offset: Buffer.byteLength(json), length: Buffer.byteLength(quote), seq });
    json += `${quote},${JSON.stringify(text)}]`;
  }
  return Object.assign(Buffer.from(`${json}]`), { marks });
}

/** Returns a payload with a mark for each place. */
function withMarks(places: readonly { text: string; isCursor: boolean; userIds: string[] }[]): Payload {
  const marks: ViewerMark[] = [];
  let json = '[';
  for (const [n, { text, isCursor, userIds }] of places.entries()) {
    json += `${n > 0 ? ',' : ''}[${JSON.stringify(text)},"${isCursor ? cursorPlaceholder : ''}",`;
    marks.push({ offset: Buffer.byteLength(json), userIds, key: null });
    json += 'false]';
  }
  return Object.assign(Buffer.from(`${json}]`), { marks });
}
