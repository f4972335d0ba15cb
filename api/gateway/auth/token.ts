import { isObject } from '../is-object.ts';

/** Returns the token of `Bearer …`, the scheme in any case (RFC 6750, section 2.1); null if there is none. */
export function bearerToken(authorization: unknown): string | null {
  if (typeof authorization !== 'string') return null;
  return /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1] ?? null;
}

/**
 * Returns the token of an `Authorization` header: `Bearer <token>`, or the token alone. Credentials of another scheme belong to
 * a proxy in front of the server, and browsers add them to requests of other origins by themselves: they are never a token.
 * @param authorization the header; undefined without one
 */
export function tokenOfHeader(authorization: string | undefined): string | null {
  const value = authorization?.trim() ?? '';
  const isTokenAlone = /^\S+$/.test(value) && !/^(?:Bearer|Basic)(?:$|\W)/i.test(value);
  return bearerToken(value) ?? (isTokenAlone ? value : null);
}

/**
 * Returns the token of a `connection_init` payload, with or without `Bearer`: the first of `authorization`, `token`, `authToken`
 * and `headers.authorization` that is not null. Keys may have any case.
 * @returns null if there is none; a token that no session has, if the value is not a string
 */
export function tokenOfPayload(payload: unknown): string | null {
  const { authorization, token, authtoken, headers } = withLowerCaseKeys(payload);
  const given = authorization ?? token ?? authtoken ?? withLowerCaseKeys(headers)['authorization'];
  if (given === undefined) return null;
  return typeof given === 'string' ? (bearerToken(given) ?? given.trim()) : '';
}

/** Returns the values of an object that are not null; none if the value is not an object. */
function withLowerCaseKeys(value: unknown): Record<string, unknown> {
  if (!isObject(value)) return {};
  const present = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(present.map(([key, one]) => [key.toLowerCase(), one]));
}
