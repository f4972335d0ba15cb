/** A WebSocket, or a stream over HTTP, that is open. */
export interface OpenConnection {
  transport: 'websocket' | 'stream';
  /** The viewer's id; null without a viewer. */
  userId: string | null;
  /**
   * Ends the connection.
   * @param code code that ends a WebSocket or a stream; null: the connection is cut at once
   */
  close(code: number | null): void;
}
