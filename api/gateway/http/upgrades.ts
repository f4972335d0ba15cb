import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Callers } from '../auth/caller.ts';
import { checkRequest, pathOf } from './check-request.ts';
import { disconnectSoon } from './disconnect.ts';
import type { IsAllowedOrigin } from './origins.ts';

/** Accepts WebSockets; other parts of the gateway see no upgrade. */
export interface UpgradeOptions {
  callers: Callers;
  isAllowedOrigin: IsAllowedOrigin;
  /** Opens a WebSocket. */
  open(request: IncomingMessage, socket: Duplex, head: Buffer, caller: ReturnType<Callers['read']>): void;
}

/**
 * Handles the upgrades of a server: WebSockets at `/graphql`. An upgrade to any other protocol is ignored, as RFC 9110,
 * section 7.8, allows: the request is served as it is.
 */
export function handleUpgrades(server: Server, { callers, isAllowedOrigin, open }: UpgradeOptions): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isWebSocket(request)) return serveWithoutUpgrade(server, { request, socket, head });
    socket.on('error', () => socket.destroy());
    const problem = checkRequest(request);
    if (problem) return refuse(socket, `${problem.status} ${problem.status === 400 ? 'Bad Request' : 'Refused'}`);
    if (pathOf(request) !== '/graphql') return refuse(socket, '404 Not Found');
    if (!isAllowedOrigin(request.headers)) return refuse(socket, '403 Forbidden');
    open(request, socket, head, callers.read(request));
  });
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? '').split(',').some((name) => name.trim().toLowerCase() === 'websocket');
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  disconnectSoon(socket);
}

/** Headers that belong to an upgrade; `Connection` is replaced. */
const upgradeHeaders = new Set(['upgrade', 'http2-settings', 'connection']);

/**
 * Gives the request to the server once more, without its upgrade. Node has left HTTP on the connection, and offers no other
 * way back in the versions that this server supports. The connection closes afterwards, so that this happens once.
 */
function serveWithoutUpgrade(
  server: Server,
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
): void {
  const { method, url, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/1.1`, 'Connection: close'];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] ?? '';
    if (!upgradeHeaders.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[n + 1]}`);
  }
  // Node reads header values as Latin-1.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}
