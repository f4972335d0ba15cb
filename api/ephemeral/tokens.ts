import { LRUCache } from 'lru-cache';
import type { Auth, Viewer } from '../domain/auth.ts';
import { UnauthenticatedError } from '../errors.ts';

/** Session that a token was issued for. */
interface IssuedFor {
  userId: string;
  sessionId: string;
}

/** Tokens with their sessions. */
export type IssuedTokens = readonly (readonly [string, IssuedFor])[];

/** Number of tokens that are remembered, of those issued and of those that expired. */
const maxTokens = 10_000;

/** Creates the record of tokens that were issued, which can expire before their time. It survives restarts of the server. */
export function createTokens() {
  const issued = new LRUCache<string, IssuedFor>({ max: maxTokens });
  const expired = new LRUCache<string, true>({ max: maxTokens });
  let auth: Auth | null = null;

  return {
    /** Returns authentication that records tokens, and refuses those that have expired here. */
    wrap(given: Auth): Auth {
      auth = given;
      return {
        ...given,
        async sign(userId, sessionId) {
          const signed = await given.sign(userId, sessionId);
          issued.set(signed.token, { userId, sessionId });
          return signed;
        },
        async authenticate(token) {
          if (expired.has(token))
            throw new UnauthenticatedError('The token has expired: refresh it, or sign in again.');
          return given.authenticate(token);
        },
      };
    },
    /**
     * Lets all access tokens of a user expire. Connections that were opened with one end as after a token's last second.
     * @returns their number
     */
    async expire(userId: string): Promise<number> {
      const tokens = [...issued].filter(([token, of]) => of.userId === userId && !expired.has(token));
      for (const [token] of tokens) expired.set(token, true);
      await auth?.publishRevocation(userId, [...new Set(tokens.map(([, { sessionId }]) => sessionId))]);
      return tokens.length;
    },
    /** Returns a user in each session that has not ended. */
    async viewersOf(userId: string): Promise<Viewer[]> {
      const found = [...issued.values()].filter((of) => of.userId === userId).map(({ sessionId }) => sessionId);
      const viewers = await Promise.all([...new Set(found)].map((id) => auth?.viewerOfSession(id).catch(nullIfEnded)));
      return viewers.flatMap((viewer) => viewer ?? []);
    },
    /** Returns the tokens that were issued, for `restore`. */
    dump: (): IssuedTokens => [...issued.entries()],
    /** Forgets every other token, and makes those that have expired valid again. */
    restore(tokens: IssuedTokens): void {
      expired.clear();
      issued.clear();
      for (const [token, of] of tokens) issued.set(token, of);
    },
  };
}

function nullIfEnded(error: unknown): null {
  if (error instanceof UnauthenticatedError) return null;
  throw error;
}
