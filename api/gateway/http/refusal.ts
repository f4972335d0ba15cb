import { randomUUID } from 'node:crypto';
import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../logger.ts';
import { disconnectSoon } from './disconnect.ts';
import { chooseType } from './negotiation.ts';

/** Reason why a request is not served. */
export interface Refusal {
  /** HTTP status: 4xx or 5xx. */
  status: number;
  /** Text that names the problem and the remedy. */
  message: string;
  /** Further headers, such as `Allow` of a 405. */
  headers?: OutgoingHttpHeaders;
}

/** Logger of refusals, with facts about the request. */
export interface RefusalLog {
  logger: Pick<Logger, 'info'>;
  requestId?: string;
  /** Code of the error of Node's parser. */
  code?: string | undefined;
}

const types = ['text/plain', 'application/json', 'application/graphql-response+json'] as const;
const textType = 'text/plain; charset=utf-8';
const codes = new Map([
  [403, 'FORBIDDEN'],
  [404, 'NOT_FOUND'],
  [500, 'INTERNAL_SERVER_ERROR'],
  [503, 'UNAVAILABLE'],
]);

/** Sends a refusal, as text or, if the client prefers it, as an error of GraphQL. */
export function refuse(response: ServerResponse, { status, message, headers = {} }: Refusal): void {
  const type = chooseType(response.req.headers, types) ?? 'text/plain';
  const extensions = { code: codes.get(status) ?? 'BAD_REQUEST' };
  const isText = type === 'text/plain';
  send(response, status, isText ? `${message}\n` : JSON.stringify({ errors: [{ message, extensions }] }), {
    'content-type': isText ? textType : `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    vary: 'Accept',
    ...headers,
  });
}

/** Sends a refusal, and closes the connection: the rest of the request is not read. */
export function refusal(response: ServerResponse, given: Refusal): void {
  response.setHeader('connection', 'close');
  refuse(response, given);
}

/** Sends a refusal in the format of GraphQL, with an error code of the schema. */
export function refuseGraphQL(response: ServerResponse, refused: Refusal & { code: string }): void {
  const { status, message, code, headers } = refused;
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  const own = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  send(response, status, body, { ...headers, ...own });
}

/** Sends a short response with its `Content-Length`, which a HEAD gets as well. */
export function send(response: ServerResponse, status: number, body: string, headers: OutgoingHttpHeaders): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/**
 * Writes a refusal to a connection on which there is no response, because its request could not be read or wants an upgrade.
 * @param log where to find the refusal; its id is `requestId`, or a new one
 */
export function refuseSocket(socket: Duplex, { status, message, headers = {} }: Refusal, log: RefusalLog): void {
  const { logger, requestId = randomUUID(), ...facts } = log;
  logger.info({ requestId, status, ...facts }, 'request refused');
  const body = `${message}\n`;
  const all = {
    date: new Date().toUTCString(),
    'content-type': textType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    connection: 'close',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n${lines.join('')}\r\n${body}`);
  disconnectSoon(socket);
}
