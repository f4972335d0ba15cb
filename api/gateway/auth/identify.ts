import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';
import { tokenOfHeader } from './token.ts';

/** Matches a header without a token: signed-out clients send `Bearer ` with nothing after it. */
const emptyHeader = /^(?:Bearer)?$/i;

/**
 * Returns the viewer of a request. With an invalid token or header there is none, and `refusal` is the error for operations that need
 * one: signing in needs no viewer.
 * @param authorization the `Authorization` header
 */
export async function identify(
  auth: Auth,
  authorization: string | undefined,
): Promise<{ viewer: Viewer | null; refusal?: UnauthenticatedError }> {
  const token = tokenOfHeader(authorization);
  if (token === null) return emptyHeader.test(authorization?.trim() ?? '') ? { viewer: null } : malformedHeader();
  try {
    return { viewer: await auth.authenticate(token) };
  } catch (error) {
    if (error instanceof UnauthenticatedError) return { viewer: null, refusal: error };
    throw error;
  }
}

function malformedHeader() {
  const message =
    'The header must be `Authorization: Bearer TOKEN`, with the `token` of `guest`, `register` or `login`.';
  return { viewer: null, refusal: new UnauthenticatedError(message) };
}
