import type { IncomingHttpHeaders } from 'node:http';
import Negotiator from 'negotiator';

/** Content coding of a response; `identity` is none. */
export type Coding = 'br' | 'gzip' | 'identity';

const preferred: readonly Coding[] = ['br', 'gzip', 'identity'];

/** `@types/negotiator` lacks the second parameter. */
interface PreferringNegotiator {
  encoding(available: readonly string[], options: { preferred: readonly string[] }): string | undefined;
}

/**
 * Chooses the content coding of a response by `Accept-Encoding` (RFC 9110, section 12.5.3).
 * @param available codings that the response has besides `identity`
 * @returns null if the client accepts none of them, and not `identity` either
 */
export function chooseCoding(headers: IncomingHttpHeaders, available: readonly Coding[]): Coding | null {
  // An old name of gzip, which recipients must know (RFC 9110, section 8.4.1.3).
  const accepted = headers['accept-encoding']?.toString().replace(/\bx-gzip\b/gi, 'gzip');
  if (accepted === undefined) return 'identity';
  const negotiator: PreferringNegotiator = new Negotiator({ headers: { 'accept-encoding': accepted } });
  return (negotiator.encoding([...available, 'identity'], { preferred }) as Coding | undefined) ?? null;
}

/** Returns the media type that a client prefers (RFC 9110, section 12.5.1), of equal ones the first; undefined for none. */
export function chooseType<Type extends string>(
  headers: IncomingHttpHeaders,
  types: readonly Type[],
): Type | undefined {
  return new Negotiator({ headers: { accept: headers.accept || '*/*' } }).mediaType(types) as Type | undefined;
}
