import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

/** Response as it was read from a connection. */
export interface RawResponse {
  status: number;
  /** Headers by their name in lower case. */
  headers: Record<string, string>;
  body: string;
}

/** Parts of a request that differ from `GET / HTTP/1.1` with a Host and `Connection: close`. */
export interface RawRequest {
  method?: string;
  target?: string;
  /** Headers in lines; without `Host` in them, it is `x`. */
  headers?: readonly string[];
  body?: string;
  version?: string;
}

/** Returns the text of a request. */
export function requestText(given: RawRequest = {}): string {
  const { method = 'GET', target = '/', headers = [], body = '', version = '1.1' } = given;
  const has = (name: string) => headers.some((header) => header.toLowerCase().startsWith(`${name}:`));
  const defaults = [...(has('host') ? [] : ['Host: x']), ...(has('connection') ? [] : ['Connection: close'])];
  return `${method} ${target} HTTP/${version}\r\n${[...defaults, ...headers].map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

/** Sends bytes over a new connection, and returns the responses once it has closed, or has become a WebSocket. */
export async function exchange(url: string, text: string): Promise<RawResponse[]> {
  const { protocol, port } = new URL(url);
  const address = { host: '127.0.0.1', port: Number(port) };
  const socket = protocol === 'https:' ? connectSecurely({ ...address, rejectUnauthorized: false }) : connect(address);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunk.includes('HTTP/1.1 101 ')) socket.destroy();
  });
  socket.on('error', () => {});
  socket.write(Buffer.from(text, 'latin1'));
  await once(socket, 'close');
  return readResponses(Buffer.concat(chunks).toString('latin1'));
}

/**
 * Sends a request, and returns its response.
 * @throws Error if there is not exactly one
 */
export async function send(url: string, request: RawRequest | string): Promise<RawResponse> {
  const [response, ...others] = await exchange(url, typeof request === 'string' ? request : requestText(request));
  if (response === undefined || others.length > 0)
    throw new Error(`expected one response to ${JSON.stringify(request)}`);
  return response;
}

function readResponses(text: string): RawResponse[] {
  if (text === '') return [];
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const pairs = lines.map((one) => [
    one.slice(0, one.indexOf(':')).toLowerCase(),
    one.slice(one.indexOf(':') + 1).trim(),
  ]);
  const headers = Object.fromEntries(pairs) as Record<string, string>;
  const { body, rest } = readBody(text.slice(end + 4), headers);
  return [{ status: Number(line.split(' ')[1]), headers, body }, ...readResponses(rest)];
}

/** A response to HEAD has a length and no body. */
function readBody(text: string, headers: Record<string, string>): { body: string; rest: string } {
  const isChunked = headers['transfer-encoding'] === 'chunked';
  const length = isChunked ? text.indexOf('0\r\n\r\n') + 5 : Number(headers['content-length'] ?? 0);
  return { body: text.slice(0, length), rest: text.slice(length) };
}
