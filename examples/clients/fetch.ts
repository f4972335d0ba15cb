import type { TokenSource } from '../../client/src/urql/session.ts';

// snippet: fetch
/**
 * Returns a `fetch` for any client over HTTP: it sends the session's token, and if the server refuses the token, renews it
 * and sends the request once more.
 */
export function createFetch(session: TokenSource): typeof fetch {
  return async (input, init) => {
    const token = await session.token();
    const response = await fetch(input, withToken(init, token));
    if (token === null || !(await isRefused(response))) return response;
    return fetch(input, withToken(init, await session.renew(token)));
  };
}

function withToken(init: RequestInit | undefined, token: string | null): RequestInit {
  const headers = new Headers(init?.headers);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  return { ...init, headers: Object.fromEntries(headers) };
}

/** A refused query or mutation may have status 200, with the code in the body. */
async function isRefused(response: Response): Promise<boolean> {
  if (response.status === 401) return true;
  if (!response.headers.get('content-type')?.includes('json')) return false;
  const { errors = [] } = (await response.clone().json()) as { errors?: { extensions?: { code?: string } }[] };
  return errors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
}
// end
