import type { IncomingHttpHeaders } from 'node:http';
import { chooseType } from './negotiation.ts';

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
export function isNavigation(headers: IncomingHttpHeaders): boolean {
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined) return destination === 'document';
  return chooseType(headers, [...dataTypes, html]) === html;
}
