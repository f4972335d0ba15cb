import { jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { UnauthenticatedError } from '../errors.ts';
import { maxEntries } from '../lru-size.ts';

/** The claims that an access token carries. */
export interface TokenClaims {
  /** Id of the user. */
  sub: string;
  /** Id of the session. */
  sid: string;
  /** End of the token, in seconds since 1970. */
  exp: number;
}

const issuer = 'parley';
const algorithm = 'HS256';
/** Maximum number of tokens whose signature is remembered as valid. */
const maxVerified = 20_000;

/**
 * Signs and verifies access tokens.
 * @param options.secret key of the signatures, at least 32 characters
 * @param options.ttlSeconds lifetime of a token
 */
export function createAccessTokens({ secret, ttlSeconds }: { secret: string; ttlSeconds: number }) {
  const key = new TextEncoder().encode(secret);
  const verified = new LRUCache<string, TokenClaims>(maxEntries(maxVerified));

  return {
    /** Returns a token for a user's session, valid from now on. */
    async sign(userId: string, sessionId: string): Promise<{ token: string; expiresAt: Date }> {
      const expiresAt = Math.floor(Date.now() / 1_000) + ttlSeconds;
      const token = await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: algorithm })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(issuer)
        .setIssuedAt()
        .setExpirationTime(expiresAt)
        .sign(key);
      return { token, expiresAt: new Date(expiresAt * 1_000) };
    },

    /**
     * Returns the claims of a token.
     * @throws UnauthenticatedError if it is forged, malformed or expired
     */
    async verify(token: string): Promise<TokenClaims> {
      const known = verified.get(token);
      if (known && known.exp * 1_000 > Date.now()) return known;
      const claims = await readClaims(token);
      verified.set(token, claims);
      return claims;
    },
  };

  async function readClaims(token: string): Promise<TokenClaims> {
    try {
      const { payload } = await jwtVerify(token, key, { issuer, audience: issuer, algorithms: [algorithm] });
      const { sub, sid, exp } = payload;
      if (typeof sub === 'string' && typeof sid === 'string' && exp !== undefined) return { sub, sid, exp };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED')
        throw new UnauthenticatedError('The token has expired: refresh it, or sign in again.');
    }
    throw new UnauthenticatedError('The token is not valid: sign in again.');
  }
}
