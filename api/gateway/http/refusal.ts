import type { ServerResponse } from 'node:http';
import { vary } from './cors.ts';

/** Reason why a request is not served. */
export interface Refusal {
  /** HTTP status: 4xx. */
  status: number;
  /** Text that names the problem and the remedy. */
  message: string;
  /** Further headers of the response. */
  headers?: Record<string, string>;
}

/** Sends a refusal as text, and closes the connection: the rest of the request is not read. */
export function refusal(response: ServerResponse, { status, message }: Refusal): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', connection: 'close' };
  const allow = status === 405 ? { allow: 'GET, HEAD, POST, OPTIONS' } : {};
  response.writeHead(status, { ...headers, ...allow }).end(`${message}\n`);
}

/** Sends a refusal in the format of GraphQL, with an error code of the schema. */
export function refuseGraphQL(response: ServerResponse, refused: Refusal & { code: string }): void {
  const { status, message, code, headers } = refused;
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'cache-control': 'no-store',
    vary,
  });
  response.end(body);
}
