import type { IncomingMessage } from 'node:http';
import type { Context, Domain } from '../../schema/context.ts';
import { createLoaders } from '../../schema/loaders.ts';
import type { Auth, Viewer } from '../domain/auth.ts';
import { UnauthenticatedError } from '../errors.ts';

/** What is kept of a connection for the operations on it. */
export interface Caller {
  address: string;
  userAgent: string;
}

/**
 * Who is calling.
 * @param trustProxy the last address of `X-Forwarded-For` is the client's: only behind one proxy that adds it
 */
export function readCaller(request: IncomingMessage, trustProxy: boolean): Caller {
  const forwarded = trustProxy ? request.headers['x-forwarded-for'] : undefined;
  const last = (Array.isArray(forwarded) ? forwarded.join() : (forwarded ?? '')).split(',').at(-1);
  return {
    address: last?.trim() || (request.socket.remoteAddress ?? 'unknown'),
    userAgent: request.headers['user-agent'] ?? '',
  };
}

/** The context of one operation. */
export function createContext(
  domain: Domain,
  caller: Caller,
  viewer: Viewer | null,
  refusal?: UnauthenticatedError,
): Context {
  const context = { ...caller, viewer, domain, loaders: createLoaders(domain, viewer) };
  return refusal ? { ...context, refusal } : context;
}

/** The context of results that are made for one viewer, of whose connection nothing is known. */
export function createViewerContext(domain: Domain, viewer: Viewer | null): Context {
  return createContext(domain, { address: '', userAgent: '' }, viewer);
}

/** The context of results that are made for members of a channel together: there is no viewer. */
export function createMemberContext(domain: Domain, channelId: string): Context {
  return { ...createViewerContext(domain, null), memberOf: channelId };
}

/**
 * The viewer of a request. A token that is refused leaves it without one, and says why: signing in needs none.
 * @param authorization the header
 */
export async function identify(
  auth: Auth,
  authorization: string | undefined,
): Promise<{ viewer: Viewer | null; refusal?: UnauthenticatedError }> {
  const token = bearerToken(authorization);
  if (token === null) return { viewer: null };
  try {
    return { viewer: await auth.authenticate(token) };
  } catch (error) {
    if (error instanceof UnauthenticatedError) return { viewer: null, refusal: error };
    throw error;
  }
}

/** The token of `Bearer …`; null when there is none. */
export function bearerToken(authorization: unknown): string | null {
  if (typeof authorization !== 'string') return null;
  return /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1] ?? null;
}
