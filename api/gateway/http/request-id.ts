import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const pattern = /^[\w.:-]{1,128}$/;

/** Returns the id under which a request is logged: its `X-Request-Id` header if it is well-formed, else a new UUID. */
export function readRequestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && pattern.test(given) ? given : randomUUID();
}
