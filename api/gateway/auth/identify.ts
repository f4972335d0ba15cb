import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';

/**
 * Returns the viewer of a request. With an invalid token there is none, and `refusal` is the error for operations that need
 * one: signing in needs no viewer.
 * @param authorization the `Authorization` header
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

/** Returns the token of `Bearer …`; null if there is none. */
export function bearerToken(authorization: unknown): string | null {
  if (typeof authorization !== 'string') return null;
  return /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1] ?? null;
}
