import type { IncomingHttpHeaders } from 'node:http';

/** Headers that `isNavigation` depends on, for `Vary`. */
export const navigationHeaders = 'Accept, Sec-Fetch-Dest';

const html = 'text/html';
/** Types of the responses to programs; other types say nothing about the kind of client. */
const dataTypes = ['application/json', 'application/graphql-response+json', 'text/event-stream'];

/**
 * Returns whether a browser asks for a page because its user opened a URL: by a link, a bookmark, a reload. Browsers say so in
 * `Sec-Fetch-Dest` (Fetch Metadata), on secure origins and localhost; elsewhere a client that prefers HTML to data is one. A
 * request by a script is none.
 */
export function isNavigation({ accept = '', 'sec-fetch-dest': destination }: IncomingHttpHeaders): boolean {
  if (destination !== undefined) return destination === 'document';
  return preferredType(accept) === html;
}

/** Returns the type that a client prefers (RFC 9110, section 12.5.1): of equal ones the first. */
function preferredType(accept: string): string | undefined {
  const types = accept.split(',').map((item) => {
    const [type = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) };
  });
  const wanted = types.filter(({ type, weight }) => weight > 0 && (type === html || dataTypes.includes(type)));
  return wanted.sort((first, second) => second.weight - first.weight)[0]?.type;
}
