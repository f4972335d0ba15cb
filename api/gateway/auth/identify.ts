import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';
import { tokenOfHeader } from './token.ts';

/**
 * Returns the viewer of a request. With an invalid token there is none, and `refusal` is the error for operations that need
 * one: signing in needs no viewer.
 * @param authorization the `Authorization` header
 */
export async function identify(
  auth: Auth,
  authorization: string | undefined,
): Promise<{ viewer: Viewer | null; refusal?: UnauthenticatedError }> {
  const token = tokenOfHeader(authorization);
  if (token === null) return { viewer: null };
  try {
    return { viewer: await auth.authenticate(token) };
  } catch (error) {
    if (error instanceof UnauthenticatedError) return { viewer: null, refusal: error };
    throw error;
  }
}
