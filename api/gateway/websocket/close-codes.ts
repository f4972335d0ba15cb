/**
 * Codes with which the server closes a WebSocket, those of the protocol graphql-transport-ws aside. `docs/clients.md` says how
 * clients react to them.
 */
export const closeCodes = {
  /** The server is full, the client reads too slowly, or a feed was interrupted: reconnect after a delay. */
  tryAgainLater: 1013,
  /** The server restarts: reconnect. */
  restarting: 1012,
  /** The token is invalid, has expired or was revoked: refresh it, then reconnect. */
  badToken: 4403,
  /** Unexpected error. */
  internal: 4500,
};
