import { constants, type ServerHttp2Stream } from 'node:http2';

/** Progress of an exchange over HTTP/2, which the stream of its client alone makes. */
export interface Progress {
  /** Bytes of the request's body so far. */
  arrived: number;
  /** Parts of the response's body that the client's windows had room for. */
  sent: number;
}

/**
 * Resets a stream, so that its client does not take a part for the whole. If the response was sent in full, only the rest of the
 * request is not wanted: clients must keep that response (RFC 9113, section 8.1).
 */
export function resetStream(stream: ServerHttp2Stream): void {
  const code = stream.writableFinished ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL;
  if (!stream.closed) stream.close(code);
  stream.destroy();
}
