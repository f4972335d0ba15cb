import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../logger.ts';
import type { Callers } from '../auth/caller.ts';
import { checkRequest, hasBody, pathOf } from './check-request.ts';
import type { Exchanges } from './exchanges.ts';
import type { IsAllowedOrigin } from './origins.ts';
import { type Refusal, refuseSocket } from './refusal.ts';
import { readRequestId } from './request-id.ts';
import { foreignOriginMessage } from './routes.ts';
import { serveWithoutUpgrade } from './without-upgrade.ts';

/** Accepts WebSockets; other parts of the gateway see no upgrade. */
export interface UpgradeOptions {
  callers: Callers;
  exchanges: Exchanges;
  logger: Logger;
  isAllowedOrigin: IsAllowedOrigin;
  /** Opens a WebSocket. */
  open(request: IncomingMessage, socket: Duplex, head: Buffer, caller: ReturnType<Callers['read']>): void;
}

/**
 * Handles the upgrades of a server: WebSockets at `/graphql`. An upgrade to any other protocol is ignored, as RFC 9110,
 * section 7.8, allows: the request is served as it is.
 */
export function handleUpgrades(server: Server, options: UpgradeOptions): void {
  const { callers, exchanges, isAllowedOrigin, open, logger } = options;
  const guarded = new WeakSet<Duplex>();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!guarded.has(socket)) socket.on('error', () => socket.destroy());
    guarded.add(socket);
    exchanges.afterAll(socket, () => {
      if (!socket.destroyed) upgrade(request, socket, head);
    });
  });

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (isHandshake(request)) openWebSocket(request, socket, head);
    else serveWithoutUpgrade(server, { request, socket, head });
  }

  function openWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const problem = checkRequest(request) ?? checkHandshake(request, isAllowedOrigin);
    // `ws` knows no list of protocols.
    request.headers.upgrade = 'websocket';
    if (problem) refuseSocket(socket, problem, { logger, requestId: readRequestId(request) });
    else open(request, socket, head, callers.read(request));
  }
}

/** Whether a request begins a WebSocket (RFC 6455, section 4.1). Upgrades by HTTP/1.0 and by other methods are ignored. */
function isHandshake({ method, headers, httpVersionMinor }: IncomingMessage): boolean {
  const names = (headers.upgrade ?? '').split(',').map((name) => name.trim().toLowerCase());
  return method === 'GET' && httpVersionMinor > 0 && names.includes('websocket');
}

/** Checks the parts of a handshake that `ws` does not check, or not as RFC 6455, section 4.2, asks. */
function checkHandshake(request: IncomingMessage, isAllowedOrigin: IsAllowedOrigin): Refusal | null {
  const { headers } = request;
  if (pathOf(request) !== '/graphql') return { status: 404, message: 'WebSockets are at /graphql.' };
  if (!isAllowedOrigin(headers)) return { status: 403, message: foreignOriginMessage };
  if (hasBody(headers)) return { status: 400, message: 'The handshake of a WebSocket has no body.' };
  if (headers['sec-websocket-version'] === '13') return null;
  const supported = { 'sec-websocket-version': '13', upgrade: 'websocket', connection: 'Upgrade, close' };
  return { status: 426, message: 'Use version 13 of the WebSocket protocol.', headers: supported };
}
