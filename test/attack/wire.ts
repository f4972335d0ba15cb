import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';

/** Response to one attack. */
export interface Outcome {
  /** Status of the HTTP response, or close code of the WebSocket if it was closed; 0 if neither came. */
  status: number;
  /** Everything that was received, as text. */
  text: string;
  /** Bytes that the attacker sent and received. */
  sent: number;
  received: number;
}

/** Sends bytes from a local address over a new connection, and reads until the server closes it or a body of chunks ends. */
export async function sendBytes(url: string, bytes: string | Buffer, localAddress: string): Promise<Outcome> {
  const socket = connect({ host: '127.0.0.1', port: portOf(url), localAddress });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    // The last chunk of a body (RFC 9112, section 7.1): the server keeps the connection of a stream.
    if (chunk.subarray(-5).equals(Buffer.from('0\r\n\r\n'))) socket.destroy();
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  const text = Buffer.concat(chunks).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
  return { status, text, sent: socket.bytesWritten, received: socket.bytesRead };
}

/**
 * Opens a WebSocket from a local address, sends messages, then a last one whose response or refusal shows that they were read.
 * @param payload payload of `connection_init`
 */
export async function sendFrames(
  url: string,
  { payload, frames }: { payload?: unknown; frames: readonly (string | Buffer)[] },
  localAddress: string,
): Promise<Outcome> {
  const socket = openFrom(url, localAddress);
  const received: string[] = [];
  let status = 0;
  const closed = new Promise<void>((resolve) => {
    socket.once('close', (code) => {
      status = code;
      resolve();
    });
  });
  socket.on('message', (data) => received.push(String(data)));
  socket.on('error', () => {});
  const until = async (text: string) => {
    while (socket.readyState === WebSocket.OPEN && !received.some((frame) => frame.includes(text)))
      await new Promise((resolve) => socket.once('message', resolve).once('close', resolve));
  };
  await new Promise((resolve) => socket.once('open', resolve).once('close', resolve));
  const tcp = Reflect.get(socket, '_socket') as Socket | null;
  const send = (message: string | Buffer) => socket.readyState === WebSocket.OPEN && socket.send(message);
  send(JSON.stringify({ type: 'connection_init', payload }));
  await until('"connection_ack"');
  for (const frame of frames) send(frame);
  send(JSON.stringify({ type: 'subscribe', id: 'last', payload: { query: '{ __typename }' } }));
  for (const id of frames.some((frame) => frame.includes('"id":"attack"')) ? ['attack', 'last'] : ['last'])
    await until(`"id":"${id}"`);
  socket.terminate();
  await closed;
  const text = received.join('\n');
  return { status: status === 1006 ? 0 : status, text, sent: tcp?.bytesWritten ?? 0, received: tcp?.bytesRead ?? 0 };
}

/** Opens a WebSocket of graphql-transport-ws from a local address. */
export function openFrom(url: string, localAddress: string): WebSocket {
  return new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    localAddress,
    perMessageDeflate: false,
  });
}

/** Returns the bytes of a POST to `/graphql`, after which the server closes the connection. */
export function toPost(body: string | Buffer, headers: Record<string, string> = {}): Buffer {
  const all = {
    Host: 'localhost',
    'Content-Type': 'application/json',
    ...headers,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  return Buffer.concat([Buffer.from(`POST /graphql HTTP/1.1\r\n${toLines(all)}\r\n`), Buffer.from(body)]);
}

/** Returns the text of a request without a body, after which the server closes the connection. */
export function toGet(path: string, headers: Record<string, string> = {}): string {
  return `GET ${path} HTTP/1.1\r\n${toLines({ Host: 'localhost', ...headers, Connection: 'close' })}\r\n`;
}

function toLines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Returns the port of a URL. */
export function portOf(url: string): number {
  return Number(new URL(url).port);
}
