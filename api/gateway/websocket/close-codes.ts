/**
 * Codes with which the server closes a WebSocket, those of the protocol graphql-transport-ws aside. `docs/clients.md` says how
 * clients react to them.
 */
export const closeCodes = {
  /** A legacy client has asked for it. */
  normal: 1000,
  /**
   * The server, the client's address or its user has too many connections, the client reads too slowly or sends too many
   * messages, a connection without a viewer was idle, or a feed was interrupted: reconnect after a delay.
   */
  tryAgainLater: 1013,
  /** The server restarts: reconnect. */
  restarting: 1012,
  /** The token is invalid, has expired or was revoked: refresh it, then reconnect. */
  badToken: 4403,
  /** The message is malformed: an error in the client. */
  badMessage: 4400,
  /** Unexpected error. */
  internal: 4500,
};
