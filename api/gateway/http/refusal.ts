import type { ServerResponse } from 'node:http';

/** Reason why a request is not served. */
export interface Refusal {
  /** HTTP status: 4xx. */
  status: number;
  /** Text that names the problem and the remedy. */
  message: string;
}

/** Sends a refusal as text, and closes the connection: the rest of the request is not read. */
export function refusal(response: ServerResponse, { status, message }: Refusal): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', connection: 'close' };
  const allow = status === 405 ? { allow: 'GET, HEAD, POST, OPTIONS' } : {};
  response.writeHead(status, { ...headers, ...allow }).end(`${message}\n`);
}

/** Sends a refusal in the format of GraphQL, with an error code of the schema. */
export function refuseGraphQL(response: ServerResponse, { status, message, code }: Refusal & { code: string }): void {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', vary: 'Origin' });
  response.end(body);
}
