import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** Headers that belong to an upgrade; `Connection` is replaced. */
const upgradeHeaders = new Set(['upgrade', 'http2-settings', 'connection']);

/**
 * Gives the request to the server once more, without its upgrade. Node has left HTTP on the connection, and offers no other
 * way back in the versions that this server supports. The connection stays open for further requests, if its client wants.
 * @param given.head the bytes behind the headers: the body, and requests that were pipelined
 */
export function serveWithoutUpgrade(
  server: Server,
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
): void {
  const { method, url, rawHeaders, httpVersion } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`, `Connection: ${connectionOf(request)}`];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] ?? '';
    if (!upgradeHeaders.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[n + 1]}`);
  }
  // Node leaves these listeners behind, and adds them again.
  for (const event of ['pause', 'resume']) socket.removeAllListeners(event);
  // Node reads header values as Latin-1.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}

/** Returns the rest of the header: whether the connection stays open. */
function connectionOf({ headers, httpVersionMinor }: IncomingMessage): string {
  const names = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  if (names.includes('close')) return 'close';
  return names.includes('keep-alive') || httpVersionMinor > 0 ? 'keep-alive' : 'close';
}
