import { CombinedError, formatDocument, stringifyDocument, type TypedDocumentNode } from '@urql/core';
import type { DocumentNode, GraphQLFormattedError } from 'graphql';
import { type Failure, toFailure } from './errors.ts';

/** Result of an operation: its data, or why there is none. */
export type Outcome<Data> = { data: Data; failure: null } | { data: null; failure: Failure };

/** Returns the text of an operation as the urql client sends it, so that servers with trusted documents know it. */
export function textOf(document: DocumentNode): string {
  return stringifyDocument(formatDocument(document) as DocumentNode);
}

/**
 * Sends one operation by `fetch`, without the urql client: for signing in, before there is a client.
 * @param token sent with the operation unless it is null
 */
export async function postOperation<Data, Variables>(
  url: string,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  token: string | null,
): Promise<Outcome<Data>> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query: textOf(document), variables }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return readOutcome<Data>(await response.text());
  } catch (error) {
    return { data: null, failure: { code: 'NETWORK', message: String(error) } };
  }
}

/** Reads the body of a response. */
export function readOutcome<Data>(body: string): Outcome<Data> {
  const { data, errors } = JSON.parse(body) as { data?: Data | null; errors?: readonly GraphQLFormattedError[] };
  const failure = errors && toFailure(new CombinedError({ graphQLErrors: [...errors] }));
  if (failure) return { data: null, failure };
  return data
    ? { data, failure: null }
    : { data: null, failure: { code: 'OTHER', message: 'The server sent no data.' } };
}

const accept = 'application/graphql-response+json, application/json';
const timeoutMs = 20_000;
