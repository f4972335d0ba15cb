import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';

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
