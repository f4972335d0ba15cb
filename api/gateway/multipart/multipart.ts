import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import { type GraphQLOperation, processRequest, type Upload } from 'graphql-upload-minimal';
import type { GraphQLParams } from 'graphql-yoga';
import { TooLargeError } from '../../errors.ts';
import { maxMultipartFieldBytes, maxUploadsPerRequest } from '../request-limits.ts';
import { createFileParts } from './files.ts';
import { guardRequest } from './guarded-request.ts';
import { exclusivePaths, replaceAt } from './map.ts';

/** Tells whether a request has a multipart form as its body. That of a GET has no meaning (RFC 9110, section 9.3.1). */
export function isMultipart({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && /^multipart\/form-data\b/i.test(headers['content-type'] ?? '');
}

/** Returns the maximum size of a multipart request, in bytes. */
function maxMultipartBytes(maxFileBytes: number): number {
  return (maxFileBytes + maxMultipartFieldBytes) * maxUploadsPerRequest;
}

/** Returns the headers of a request without those that describe its body. */
export function headersWithoutBody({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => !/^(?:content-|transfer-encoding|connection|expect)/.test(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

/**
 * Reads a GraphQL multipart request (github.com/jaydenseric/graphql-multipart-request-spec) up to its files, which are
 * streamed to the resolvers.
 * @param maxFileBytes maximum size of one file; above it, the stream fails with TooLargeError
 * @throws GraphQLError with status 400 for a malformed request, and 413 for one that is too large
 */
export async function readMultipart(
  request: IncomingMessage,
  response: ServerResponse,
  maxFileBytes: number,
): Promise<GraphQLParams | GraphQLParams[]> {
  rejectOversized(request, maxFileBytes);
  const limits = {
    maxFieldSize: maxMultipartFieldBytes,
    maxFiles: maxUploadsPerRequest,
    maxFileSize: maxFileBytes + 1,
  };
  const files = createFileParts(maxFileBytes);
  const guarded = guardRequest(request, files);
  try {
    const operations = await processRequest(guarded.request, response, limits);
    for (const path of exclusivePaths(guarded.paths()))
      replaceAt(operations, path, (upload: Upload) => files.toFilePart(upload));
    return toParams(operations);
  } catch (error) {
    throw toGraphQLError(error, maxFileBytes);
  }
}

/** Rejects a request that is too large for any number of files, before it is read. */
function rejectOversized({ headers }: IncomingMessage, maxFileBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxMultipartBytes(maxFileBytes)) throw tooLarge(maxFileBytes);
}

function toParams(operations: GraphQLOperation | GraphQLOperation[]): GraphQLParams | GraphQLParams[] {
  return operations as GraphQLParams | GraphQLParams[];
}

function toGraphQLError(error: unknown, maxFileBytes: number): unknown {
  if (error instanceof GraphQLError || !(error instanceof Error)) return error;
  if (error instanceof TooLargeError) return requestError(error.message, error.code, 413, error.extensions);
  if ('status' in error && error.status === 413) return tooLarge(maxFileBytes);
  return requestError(isForClients(error) ? error.message : unreadable, 'BAD_REQUEST', 400);
}

const unreadable =
  'The body must be a form with the parts `operations`, `map`, and then the files (https://github.com/jaydenseric/graphql-multipart-request-spec).';

/** Messages of the form's parser, and of its faults, say nothing about the form. */
function isForClients({ name, message }: Error): boolean {
  return (
    name !== 'TypeError' &&
    !/^(?:graphql-upload|Unexpected end of form|Malformed|Multipart:|Invalid content-type)/.test(message)
  );
}

function tooLarge(limit: number): GraphQLError {
  const message = `A file must not exceed ${limit} bytes, and a request may have at most ${maxUploadsPerRequest} files.`;
  return requestError(message, 'TOO_LARGE', 413, { limit });
}

function requestError(message: string, code: string, status: number, more: object = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...more, http: { status } } });
}
