import type { IncomingMessage, ServerResponse } from 'node:http';
import { preflightHeaders } from './cors.ts';
import { type Refusal, refusal } from './refusal.ts';

/** A resource, or a group of them, with the methods that it supports. */
export interface Route<Routed> {
  methods: readonly string[];
  /** Advice for other methods. */
  advice?: string;
  handle(request: IncomingMessage, response: ServerResponse, routed: Routed): void | Promise<void>;
  /** Origins whose pages may read responses and send requests by CORS: every one, or those for which it returns true. */
  permits?: '*' | ((headers: IncomingMessage['headers']) => boolean);
}

/** Methods of a resource that is only read. */
export const readMethods = ['GET', 'HEAD', 'OPTIONS'];
/** Methods of `/graphql`; of the whole server as well. */
export const graphqlMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];

/** Returns the refusal of a method that a resource does not support (RFC 9110, section 15.5.6), or null if it supports it. */
export function checkMethod(
  { method = '' }: IncomingMessage,
  { methods, advice = 'operations go to /graphql.' }: Pick<Route<never>, 'methods' | 'advice'>,
): Refusal | null {
  if (methods.includes(method)) return null;
  const allow = methods.join(', ');
  return { status: 405, message: `Use ${allow} here; ${advice}`, headers: { allow } };
}

/** Sends the response to OPTIONS: the methods of a resource, and whether a page of another origin may use them. */
export function sendOptions<Routed>(
  request: IncomingMessage,
  response: ServerResponse,
  { methods, permits }: Pick<Route<Routed>, 'methods' | 'permits'>,
): void {
  const { origin, 'access-control-request-method': asked } = request.headers;
  const permitted = permittedOrigin(request, permits);
  if (origin !== undefined && permits !== undefined && permitted === null)
    refusal(response, { status: 403, message: foreignOriginMessage, headers: { vary: 'Origin' } });
  else {
    const isPreflight = permitted !== null && asked !== undefined;
    const headers = isPreflight ? preflightHeaders(request, permitted, methods) : {};
    response.writeHead(204, { allow: methods.join(', '), ...headers }).end();
  }
}

/**
 * Returns the value of `Access-Control-Allow-Origin`; null if the request has no origin, or one that is not permitted. Where every
 * origin is, the value does not depend on the request, so that a cache needs one response for all pages.
 */
export function permittedOrigin({ headers }: IncomingMessage, permits: Route<never>['permits']): string | null {
  if (permits === '*') return permits;
  return headers.origin !== undefined && permits?.(headers) === true ? headers.origin : null;
}

/** Instruction for a page whose origin may not use the API. */
export const foreignOriginMessage =
  'Pages of this origin may not use the API: add it to ALLOWED_ORIGINS, or set PUBLIC_URL if it is the server’s own.';
