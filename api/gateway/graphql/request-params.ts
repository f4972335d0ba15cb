import { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { isObject } from '../is-object.ts';
import { type DocumentRequest, namesDocument } from './documents.ts';

/** Message about an operation without text. */
export const emptyQueryMessage = '`query` must be the text of an operation.';

/**
 * Reads the parameters of one operation (GraphQL over HTTP, Request Parameters). Those that the specification does not name are
 * ignored, `null` and an empty name count as missing. The operation's text may be missing or empty if a persisted query is named.
 * @throws GraphQLError with BAD_REQUEST and status 400 if a parameter has the wrong type, or if there is no operation
 */
export function readParams(given: unknown): GraphQLParams & DocumentRequest {
  if (!isObject(given)) throw malformed('The parameters of an operation must be a JSON object.');
  const { query, operationName, variables, extensions, documentId, doc_id } = given;
  if (!isMissing(query) && typeof query !== 'string') throw malformed(emptyQueryMessage);
  if (!isMissing(operationName) && typeof operationName !== 'string')
    throw malformed('`operationName` must be a string.');
  if (!isMissing(variables) && !isObject(variables)) throw malformed('`variables` must be a JSON object.');
  if (!isMissing(extensions) && !isObject(extensions)) throw malformed('`extensions` must be a JSON object.');
  const persisted = readPersistedQuery(extensions?.['persistedQuery']);
  const ids = { documentId, doc_id };
  if (!query && persisted === null && !namesDocument(ids)) throw malformed(emptyQueryMessage);
  return {
    ...ids,
    ...(query ? { query } : {}),
    ...(operationName ? { operationName } : {}),
    ...(variables ? { variables } : {}),
    extensions: persisted ? { ...extensions, persistedQuery: persisted } : (extensions ?? {}),
  };
}

/** Reads the name of a persisted query in Apollo's protocol of automatic persisted queries; null if there is none. */
function readPersistedQuery(given: unknown): { version: 1; sha256Hash: string } | null {
  if (isMissing(given)) return null;
  if (!isObject(given) || given['version'] !== 1 || typeof given['sha256Hash'] !== 'string')
    throw malformed(
      '`extensions.persistedQuery` must have `version: 1` and, as `sha256Hash`, the SHA-256 of `query` in hexadecimal digits.',
    );
  return { version: 1, sha256Hash: given['sha256Hash'] };
}

const isMissing = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Returns the error of a request that is not a well-formed GraphQL-over-HTTP request. */
export function malformed(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status: 400 } } });
}
