import type { Http2ServerRequest } from 'node:http2';
import { Readable } from 'node:stream';
import { ignore } from '../../ignore.ts';
import { type Progress, resetStream } from './http2-stream.ts';

/** Gives a request the properties of one over HTTP/1.1, and counts its body. */
export function translateRequest(request: Http2ServerRequest, progress: Progress): void {
  watchBody(request, progress);
  const { stream, method, url } = request;
  const { remoteAddress } = stream.session?.socket ?? {};
  const socket = {
    remoteAddress,
    encrypted: true,
    get bytesRead() {
      return progress.arrived;
    },
    destroy: () => resetStream(stream),
  };
  Object.defineProperties(request, {
    method: { value: method, writable: true },
    url: { value: url ?? '', writable: true },
    ...translateHeaders(request),
    httpVersion: { value: '1.1' },
    httpVersionMajor: { value: 1 },
    httpVersionMinor: { value: 1 },
    socket: { value: socket },
    complete: { get: () => stream.endAfterHeaders || stream.destroyed || stream.state.remoteClose === 1 },
    readableLength: { get: () => Reflect.get(Readable.prototype, 'readableLength', request) + stream.readableLength },
  });
}

/**
 * A body without a length has `Transfer-Encoding: chunked` in HTTP/1.1. `Host` is left beside another `:authority`, as the second
 * one that makes a request malformed (RFC 9113, section 8.3.1).
 */
function translateHeaders({ stream, headers, rawHeaders, authority }: Http2ServerRequest): PropertyDescriptorMap {
  const isOwn = (name: string) => !name.startsWith(':');
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => isOwn(name)));
  const isChunked = !stream.endAfterHeaders && own['content-length'] === undefined;
  const raw = rawHeaders.filter((_text, n) => isOwn(rawHeaders[n - (n % 2)] ?? ''));
  const hasHost = own['host'] !== undefined;
  if (headers[':authority'] !== undefined && own['host'] !== authority) raw.push('host', authority);
  return {
    headers: {
      value: {
        ...(authority === undefined || hasHost ? {} : { host: authority }),
        ...own,
        ...(isChunked ? { 'transfer-encoding': 'chunked' } : {}),
      },
    },
    rawHeaders: { value: raw },
  };
}

/** Counts the body's bytes. A body that breaks off is an error, as over HTTP/1.1, and no end. */
function watchBody(request: Http2ServerRequest, progress: Progress): void {
  const { stream } = request;
  const push = request.push.bind(request);
  let hasEnded = false;
  request.on('error', ignore);
  request.push = (chunk: Buffer | null) => {
    if (hasEnded) return false;
    hasEnded = chunk === null;
    progress.arrived += chunk?.length ?? 0;
    if (chunk !== null || !stream.aborted) return push(chunk);
    request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
    return false;
  };
}
