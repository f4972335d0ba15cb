import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A request and its response. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * Creates the record of the newest exchange of each connection. Requests may be pipelined (RFC 9112, section 9.3.2), so that
 * one that leaves HTTP, or is malformed, may arrive while responses to others are still to be sent.
 */
export function createExchanges() {
  const newest = new WeakMap<Duplex, Exchange>();

  return {
    /** Adds an exchange. @returns a function to call when its response has closed */
    add(request: IncomingMessage, response: ServerResponse): () => void {
      const { socket } = request;
      newest.set(socket, { request, response });
      return () => {
        if (newest.get(socket)?.response === response) newest.delete(socket);
      };
    },
    /** Returns the newest exchange of a connection, whose response has not been sent; undefined if there is none. */
    pending: (socket: Duplex): Exchange | undefined => newest.get(socket),
    /** Runs a step once all responses of a connection are sent, at once if they are. */
    afterAll(socket: Duplex, step: () => void): void {
      const exchange = newest.get(socket);
      if (exchange) exchange.response.once('close', step);
      else step();
    },
  };
}

export type Exchanges = ReturnType<typeof createExchanges>;
