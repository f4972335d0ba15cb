import type { Session, SessionEnd } from './session.ts';

/**
 * Creates the `refresh` function of a session store. It calls `fetch` directly: operations of the urql client may be
 * waiting for the token that it renews.
 * @param url of the API
 * @param userFields the selection of `Session.user`
 */
export function createRefresh<User>(url: string, userFields: string) {
  const query = refreshDocument(userFields);
  return async (refreshToken: string): Promise<Session<User> | SessionEnd> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
      body: JSON.stringify({ query, variables: { refreshToken } }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = (await response.json()) as RefreshResponse<User>;
    if (body.data?.refresh) return body.data.refresh;
    const [error] = body.errors ?? [];
    const code = error?.extensions?.code;
    if (code !== undefined && permanentCodes.has(code)) return { code, message: error?.message ?? '' };
    throw new Error(`The session could not be renewed (${code ?? response.status}). Try again later.`);
  };
}

/** Returns the text of the operation. @param userFields the selection of `Session.user` */
export const refreshDocument = (userFields: string) => `mutation Refresh($refreshToken: String!) {
  refresh(refreshToken: $refreshToken) { token refreshToken expiresAt user { ${userFields} } }
}`;

const timeoutMs = 15_000;

/** Error codes after which a refresh token can never be used again. */
const permanentCodes: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT']);

interface RefreshResponse<User> {
  data?: { refresh?: Session<User> | null } | null;
  errors?: readonly { message?: string; extensions?: { code?: string } }[];
}
