import type { Viewer } from '../api/domain/auth.ts';
import { UnauthenticatedError } from '../api/errors.ts';
import type { Domain } from './domain.ts';
import type { Loaders } from './loaders.ts';

/** What a resolver gets: one for each operation. */
export interface Context {
  /** Who asks; null without a token. */
  viewer: Viewer | null;
  /** Why there is no viewer although a token was given: what the refusal says. */
  refusal?: UnauthenticatedError;
  /** The channel for whose members, all of them, a result is made; then there is no viewer. */
  memberOf?: string;
  domain: Domain;
  loaders: Loaders;
  /** The client's IP address. */
  address: string;
  /** What the client calls itself, for the list of sessions. */
  userAgent: string;
}

/**
 * The viewer of an operation that needs one.
 * @throws UnauthenticatedError without a valid token
 */
export function requireViewer({ viewer, refusal }: Context): Viewer {
  if (viewer === null)
    throw refusal ?? new UnauthenticatedError('Sign in first: send a token as `Authorization: Bearer …`.');
  return viewer;
}
