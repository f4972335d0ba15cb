import { type DocumentRequest, namesDocument } from '../graphql/documents.ts';

/**
 * Adds an empty `query` to a message that starts an operation and names its document instead: graphql-ws refuses payloads
 * without one (its documentation asks to persist queries by other means), and Apollo's clients leave it out.
 * @param content parsed message, which is changed
 */
export function withQuery<Content>(content: Content): Content {
  const { payload } = (content ?? {}) as { payload?: unknown };
  if (typeof payload !== 'object' || payload === null) return content;
  const request = payload as DocumentRequest;
  if ((request.query ?? null) === null && namesDocument(request)) request.query = '';
  return content;
}
