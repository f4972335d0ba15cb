import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { unknownAddress } from '../../address.ts';
import { createAddressCounts } from '../connection-limits.ts';
import { createMessageRate } from '../websocket/message-rate.ts';

/** Broken-off streams of one connection per second in the long run, at most five times as many at once (CVE-2023-44487). */
const resetsPerSecond = 40;
/** PING and SETTINGS frames of one connection per second, counted in the same way. */
const controlsPerSecond = 10;

/** Bounds on exchanges over HTTP/2. */
export interface Http2Bounds {
  /** Maximum number of concurrent exchanges of this process, as many as over HTTP/1.1, where each takes a connection. */
  maxTcpConnections: number;
  /** Maximum number of concurrent exchanges of one address. */
  maxTcpConnectionsPerAddress: number;
  /** Returns whether a peer is a proxy, whose connections belong to many clients. */
  isProxy(address: string): boolean;
  /** Counts refused connections by the name of their bound, for metrics. */
  onRefused(limit: string): void;
}

/**
 * Creates the count of concurrent exchanges. A connection by HTTP/1.1 has one, and is counted; one by HTTP/2 has many.
 * @returns a function that counts the exchange of a stream until it closes, and returns false if there are too many
 */
export function createPlaces(options: Http2Bounds): (stream: ServerHttp2Stream) => boolean {
  const addresses = createAddressCounts();
  let total = 0;

  return (stream) => {
    const address = stream.session?.socket.remoteAddress ?? unknownAddress;
    const isCounted = !options.isProxy(address);
    const hasRoom =
      total < options.maxTcpConnections && (!isCounted || addresses.add(address, options.maxTcpConnectionsPerAddress));
    if (!hasRoom) {
      options.onRefused('http2-streams');
      return false;
    }
    total++;
    stream.once('close', () => {
      total--;
      if (isCounted) addresses.remove(address);
    });
    return true;
  };
}

/** Closes a connection that makes the server work for nothing: streams that are broken off, and frames without content. */
export function boundFrames(session: ServerHttp2Session, onRefused: (limit: string) => void): void {
  const mayReset = createMessageRate(resetsPerSecond);
  const mayControl = createMessageRate(controlsPerSecond);
  let isRefused = false;
  const refuse = (limit: string) => {
    if (isRefused) return;
    isRefused = true;
    onRefused(limit);
    // Within the close of a stream, Node would leave the connection open.
    setImmediate(() => session.destroy(new Error(`too many: ${limit}`), constants.NGHTTP2_ENHANCE_YOUR_CALM));
  };
  const countControl = () => mayControl() || refuse('http2-control-frames');
  session.on('ping', countControl);
  session.on('remoteSettings', countControl);
  session.on('stream', (stream: ServerHttp2Stream) =>
    stream.once('close', () => {
      const isBroken = stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      if (isBroken && !session.closed && !mayReset()) refuse('http2-resets');
    }),
  );
}

/**
 * Closes a connection whose peer has gone, or has made an error after which nghttp2 sends GOAWAY and no more: Node does not tell
 * that, and the streams would stay open.
 * @param pingMs milliseconds that the peer may take to acknowledge a PING
 */
export function closeSilent(
  { session, socket }: { session: ServerHttp2Session; socket: Socket },
  pingMs: number,
): void {
  let isAcknowledged = true;
  const pings = setInterval(() => {
    if (!isAcknowledged || session.destroyed) return void socket.destroy();
    isAcknowledged = false;
    session.ping(() => {
      isAcknowledged = true;
    });
  }, pingMs).unref();
  session.once('close', () => clearInterval(pings));
}
