import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { RawResponse } from './raw-http.ts';

/** Parts of a request by HTTP/2 that differ from `GET /`. */
export interface Http2Request {
  method?: string;
  target?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
}

/** Opens a connection by HTTP/2, with any certificate. Resolves once it is open. */
export function connectHttp2(url: string): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(url, { rejectUnauthorized: false });
    session.once('error', reject);
    session.once('remoteSettings', () => {
      session.on('error', () => {});
      // As in browsers, a stream that is not read leaves others room.
      session.setLocalWindowSize(1_048_576);
      resolve(session);
    });
  });
}

/** Begins a request; without a body it ends with its headers. */
export function begin(session: ClientHttp2Session, given: Http2Request = {}): ClientHttp2Stream {
  const { method = 'GET', target = '/', headers = {}, body } = given;
  const stream = session.request({ ':method': method, ':path': target, ...headers }, { endStream: body === undefined });
  stream.on('error', () => {});
  if (body !== undefined) stream.end(body);
  return stream;
}

/** Sends a request, and returns its response. @throws Error if the stream closes without headers, or breaks off */
export function sendHttp2(session: ClientHttp2Session, given: Http2Request = {}): Promise<RawResponse> {
  return read(begin(session, given));
}

/** Reads the response of a stream to its end. */
export function read(stream: ClientHttp2Stream): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: Omit<RawResponse, 'body'> | undefined;
    stream.once('response', ({ ':status': status = 0, ...headers }) => {
      head = { status, headers: Object.fromEntries(Object.entries(headers)) as Record<string, string> };
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('close', () => {
      const { rstCode, aborted } = stream;
      if (head && rstCode === 0 && !aborted) resolve({ ...head, body: Buffer.concat(chunks).toString('latin1') });
      else reject(new Error(`the stream was closed with code ${rstCode}`));
    });
  });
}
