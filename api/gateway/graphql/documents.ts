import { GraphQLError } from 'graphql';
import { ignore } from '../../ignore.ts';
import type { PersistedQueries } from '../../infra/state/state.ts';
import { maxQueryLength } from '../request-limits.ts';
import { hashPattern, readId, sha256, type TrustedDocuments } from './trusted-documents.ts';

/** The parts of a request that say which document it runs. */
export interface DocumentRequest {
  query?: unknown;
  /** Id of a persisted document (GraphQL over HTTP, appendix A), perhaps with the prefix `sha256:`. */
  documentId?: unknown;
  /** The same, under the name that Relay's guide uses. */
  doc_id?: unknown;
  /** May have the hash of Apollo's protocol, which other clients use as well. */
  extensions?: unknown;
}

/** Finds the documents that requests name, and decides which may run. */
export interface Documents {
  /**
   * Returns the text of a request's document: its `query`, or the one that it names. A `query` that comes with its SHA-256 is
   * remembered under it.
   * @returns a promise only if the shared cache must be asked
   * @throws GraphQLError with the code PERSISTED_QUERY_NOT_FOUND, BAD_REQUEST or FORBIDDEN
   */
  textOf(request: DocumentRequest): string | Promise<string>;
  /** @throws GraphQLError with the code FORBIDDEN if only trusted documents run, and the text is none of them */
  check(text: string): void;
}

/**
 * Creates the documents of a server.
 * @param options.isTrustedOnly whether no other documents run
 */
export function createDocuments(options: {
  trusted: TrustedDocuments;
  isTrustedOnly: boolean;
  persistedQueries: PersistedQueries;
}): Documents {
  const { trusted, isTrustedOnly, persistedQueries } = options;

  function remember(id: string, query: string, isHash: boolean): string {
    const known = trusted.find(id);
    if (known !== undefined && known !== query) throw mismatch();
    // Parsing refuses these.
    if (isTrustedOnly || query.length > maxQueryLength) return query;
    if (sha256(query) === id) persistedQueries.add(id, query).catch(ignore);
    else if (isHash && known === undefined) throw mismatch();
    return query;
  }

  function find(id: string): string | Promise<string> {
    const known = trusted.find(id);
    if (known !== undefined) return known;
    if (isTrustedOnly) throw untrusted();
    if (!hashPattern.test(id)) throw notFound();
    return persistedQueries.find(id).then(orNotFound, orNotFound);
  }

  return {
    textOf(request) {
      const { query } = request;
      const hash = hashIn(request);
      const id = hash ?? idIn(request);
      const isGiven = typeof query === 'string' && query !== '';
      if (id === null) return query as string;
      return isGiven ? remember(id, query, hash !== null) : find(id);
    },
    check(text) {
      if (isTrustedOnly && !trusted.has(text)) throw untrusted();
    },
  };
}

/** Whether a request names its document instead of, or besides, having its text. */
export const namesDocument = (request: DocumentRequest): boolean => (hashIn(request) ?? idIn(request)) !== null;

/** Returns the hash of Apollo's protocol, of which only version 1 exists. */
function hashIn({ extensions }: DocumentRequest): string | null {
  if (typeof extensions !== 'object' || extensions === null || !('persistedQuery' in extensions)) return null;
  const { version, sha256Hash } = (extensions.persistedQuery ?? {}) as Record<string, unknown>;
  return version === 1 && typeof sha256Hash === 'string' ? readId(sha256Hash) : null;
}

function idIn({ documentId, doc_id: docId }: DocumentRequest): string | null {
  const id = documentId ?? docId;
  return typeof id === 'string' ? readId(id) : null;
}

/** A cache that is away is an empty one: the client sends the text. */
function orNotFound(found: unknown): string {
  if (typeof found !== 'string') throw notFound();
  return found;
}

/** The message is the one that Apollo's clients look for; they send the text along with its hash then. */
function notFound(): GraphQLError {
  return new GraphQLError('PersistedQueryNotFound', { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } });
}

function mismatch(): GraphQLError {
  const message = 'The id of the document belongs to another text: send the SHA-256 of `query`, or leave `query` out.';
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
}

function untrusted(): GraphQLError {
  const message =
    'This server runs only trusted documents: add this one to a manifest in TRUSTED_DOCUMENTS, and send its text or its id.';
  return new GraphQLError(message, { extensions: { code: 'FORBIDDEN' } });
}
