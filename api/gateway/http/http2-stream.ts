import { constants, type ServerHttp2Stream } from 'node:http2';

/** Progress of an exchange over HTTP/2, which the stream of its client alone makes. */
export interface Progress {
  /** Bytes of the request's body so far. */
  arrived: number;
  /** Parts of the response's body that the client's windows had room for. */
  sent: number;
}

/** Resets a stream, so that its client does not take a part for the whole. */
export function resetStream(stream: ServerHttp2Stream): void {
  if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  stream.destroy();
}
