import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../logger.ts';
import { disconnectSoon } from './disconnect.ts';
import type { Exchanges } from './exchanges.ts';
import { type Refusal, refuseSocket } from './refusal.ts';

/** Error of Node's parser. */
interface ParseError extends Error {
  code?: string;
  /** Its text, without a prefix. */
  reason?: string;
  /** The bytes that it was parsing. */
  rawPacket?: Buffer;
  /** Number of those that it has read. */
  bytesParsed?: number;
}

/** A request line whose method is a token (RFC 9110, section 9.1), perhaps behind the body of another request. */
const requestLine = /(?:^|[^\s\w!#$%&'*+.^`|~-])[\w!#$%&'*+.^`|~-]+ \S+ HTTP\/1\.[01]\r?\n/;
/** A target that does not end. */
const endlessTarget = /^[A-Z]+ \S*$/;

const otherVersion: Refusal = { status: 505, message: 'Use HTTP/1.1.' };
const malformed: Refusal = { status: 400, message: 'The request is not valid HTTP/1.1.' };

/** Responds to requests that Node cannot read, after the responses to those before it, and closes their connections. */
export function handleClientErrors(server: Server, exchanges: Exchanges, logger: Logger): void {
  const handled = new WeakSet<Duplex>();
  server.on('clientError', (error: ParseError, socket: Duplex) => {
    if (handled.has(socket)) return;
    handled.add(socket);
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    const { request, response } = exchanges.pending(socket) ?? {};
    // Bytes behind the last request (RFC 9112, section 9.6).
    if (error.code === 'HPE_CLOSED_CONNECTION') return exchanges.afterAll(socket, () => disconnectSoon(socket.end()));
    const refuse = () => refuseSocket(socket, refusalOf(error), { logger, code: error.code });
    if (request === undefined || request.complete) return exchanges.afterAll(socket, refuse);
    // The body of the newest request is malformed: it will not get another response.
    if (response?.headersSent) socket.destroy();
    else refuse();
  });
}

function refusalOf(error: ParseError): Refusal {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return endlessTarget.test(messageOf(error).slice(0, 16_384))
        ? { status: 414, message: 'The request target is too long: send the operation by POST.' }
        : { status: 431, message: 'The headers are too large.' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, message: 'The extensions of a chunk are too large.' };
    case 'HPE_INVALID_METHOD':
      return requestLine.test(messageOf(error)) ? { status: 501, message: 'Unknown method.' } : malformed;
    case 'HPE_INVALID_VERSION':
      return error.reason?.startsWith('Expected CRLF') ? malformed : otherVersion;
    case 'HPE_PAUSED_H2_UPGRADE':
      return otherVersion;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'The request did not arrive in time.' };
    default:
      return malformed;
  }
}

/** Returns the malformed message from the line on which the parser stopped. */
function messageOf({ rawPacket = Buffer.alloc(0), bytesParsed = 0 }: ParseError): string {
  const start = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf('\n', bytesParsed - 1) + 1;
  return rawPacket.toString('latin1', start);
}
