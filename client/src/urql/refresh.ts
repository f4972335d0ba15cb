import type { Session } from './session.ts';

/**
 * The `refresh` of a session store: asks the server over HTTP, past the urql client, whose operations may be waiting
 * for this very token.
 * @param url of the API
 * @param userFields the selection of `Session.user`
 */
export function createRefresh<User>(url: string, userFields: string) {
  const query = `mutation Refresh($refreshToken: String!) {
    refresh(refreshToken: $refreshToken) { token refreshToken expiresAt user { ${userFields} } }
  }`;
  return async (refreshToken: string): Promise<Session<User> | null> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
      body: JSON.stringify({ query, variables: { refreshToken } }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = (await response.json()) as Answer<User>;
    if (answer.data?.refresh) return answer.data.refresh;
    const code = answer.errors?.[0]?.extensions?.code;
    if (code !== undefined && endings.has(code)) return null;
    throw new Error(`The session could not be renewed (${code ?? response.status}). Try again later.`);
  };
}

const TIMEOUT_MS = 15_000;

/** What the server says of a refresh token that will never be good again. */
const endings: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT']);

interface Answer<User> {
  data?: { refresh?: Session<User> | null } | null;
  errors?: readonly { extensions?: { code?: string } }[];
}
