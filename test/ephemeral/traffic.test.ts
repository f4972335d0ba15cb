import { expect, it } from 'vitest';
import { createTrafficMeter } from '../../api/ephemeral/traffic.ts';

const json = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}';
const events = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n';
const parts = 'HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed;boundary="-"\r\n\r\n---';
const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n';
const refusal = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n';

it.each([
  [
    [json, json],
    ['responses', 'responses'],
  ],
  [
    [events, ': ping\n\n', json],
    ['streams', 'streams', 'responses'],
  ],
  [
    [parts, '{}'],
    ['streams', 'streams'],
  ],
  [
    [upgrade, 'frame', json],
    ['streams', 'streams', 'streams'],
  ],
  [[refusal], ['responses']],
  [[`${json} content-type: text/event-stream`], ['responses']],
])('tells streams from other responses over one connection: %j', (chunks, kinds) => {
  const kindOf = createTrafficMeter();
  expect(chunks.map((chunk) => kindOf(Buffer.from(chunk)))).toEqual(kinds);
});
