import type { IncomingMessage } from 'node:http';
import { DEPRECATED_GRAPHQL_WS_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import type { WebSocket } from 'ws';

/** Subprotocols of the server; the first that a client offers is chosen. */
const supported = [GRAPHQL_TRANSPORT_WS_PROTOCOL, DEPRECATED_GRAPHQL_WS_PROTOCOL];

/** Returns the subprotocol for a client that offers some; false if the server speaks none of them. */
export function chooseSubprotocol(offered: ReadonlySet<string>): string | false {
  return supported.find((one) => offered.has(one)) ?? false;
}

/**
 * Returns whether the client of a socket speaks the protocol of subscriptions-transport-ws. One that offers no subprotocol does:
 * Ferry's link sends none by default.
 */
export function isLegacyClient({ headers }: IncomingMessage, { protocol }: WebSocket): boolean {
  return protocol === DEPRECATED_GRAPHQL_WS_PROTOCOL || headers['sec-websocket-protocol'] === undefined;
}
