import type { IncomingMessage, ServerResponse } from 'node:http';

/** Serves the requests of one path. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
