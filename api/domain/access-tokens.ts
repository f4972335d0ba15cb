import { decodeProtectedHeader, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { UnauthenticatedError } from '../errors.ts';
import { maxEntries } from '../lru-size.ts';
import { type SigningKey, type SigningSecrets, tokenKeys } from './signing-keys.ts';

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
 * Signs and verifies access tokens. A token names its key (`kid`); one without a name is tried with every key.
 * @param options.secrets secrets of the signatures, each at least 32 characters: the first signs, all verify
 * @param options.ttlSeconds lifetime of a token
 */
export function createAccessTokens({ secrets, ttlSeconds }: { secrets: SigningSecrets; ttlSeconds: number }) {
  const keys = tokenKeys(secrets);
  const [current] = keys;
  const verified = new LRUCache<string, TokenClaims>(maxEntries(maxVerified));

  return {
    /** Returns a token for a user's session, valid from now on. */
    async sign(userId: string, sessionId: string): Promise<{ token: string; expiresAt: Date }> {
      const expiresAt = Math.floor(Date.now() / 1_000) + ttlSeconds;
      const token = await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: algorithm, kid: current.id })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(issuer)
        .setIssuedAt()
        .setExpirationTime(expiresAt)
        .sign(current.bytes);
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
    let isExpired = false;
    for (const key of keysOf(token)) {
      try {
        const { sub, sid, exp } = await verifyWith(key, token);
        if (typeof sub === 'string' && typeof sid === 'string' && exp !== undefined) return { sub, sid, exp };
      } catch (error) {
        isExpired ||= error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED';
      }
    }
    if (isExpired) throw new UnauthenticatedError('The token has expired: refresh it, or sign in again.');
    throw new UnauthenticatedError('The token is not valid: sign in again.');
  }

  /** Returns the keys that may have signed a token: the one that it names, or all if it names none. */
  function keysOf(token: string): readonly SigningKey[] {
    try {
      const { kid } = decodeProtectedHeader(token);
      return kid === undefined ? keys : keys.filter(({ id }) => id === kid);
    } catch {
      return [];
    }
  }
}

async function verifyWith({ bytes }: SigningKey, token: string): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, bytes, { issuer, audience: issuer, algorithms: [algorithm] });
  return payload;
}
