import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import { type GraphQLOperation, processRequest, type Upload } from 'graphql-upload-minimal';
import type { GraphQLParams } from 'graphql-yoga';
import { TooLargeError } from '../../errors.ts';
import { maxMultipartFieldBytes, maxUploadsPerRequest } from '../request-limits.ts';
import { createFiles } from './files.ts';
import { guard } from './guard.ts';
import { replaceAt } from './map.ts';

/** Headers of which a page of another origin cannot make a browser send any without asking first. */
const preflighted = [
  'authorization',
  'apollo-require-preflight',
  'graphql-require-preflight',
  'x-apollo-operation-name',
];

export function isMultipart({ headers }: IncomingMessage): boolean {
  return /^multipart\/form-data\b/i.test(headers['content-type'] ?? '');
}

/** The most that a multipart request takes, in bytes. */
export function maxMultipartBytes(maxFileBytes: number): number {
  return (maxFileBytes + maxMultipartFieldBytes) * maxUploadsPerRequest;
}

/** The headers of a request but for those of its body. */
export function withoutBody({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => !/^(?:content-|transfer-encoding|connection|expect)/.test(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

/**
 * Reads a GraphQL multipart request (github.com/jaydenseric/graphql-multipart-request-spec) up to its files, which stream on
 * from there.
 * @param maxFileBytes of one file; beyond it its stream fails with TooLargeError
 * @throws GraphQLError that says what is wrong with the request
 */
export async function readMultipart(
  request: IncomingMessage,
  response: ServerResponse,
  maxFileBytes: number,
): Promise<GraphQLParams | GraphQLParams[]> {
  requirePreflight(request);
  refuseLarge(request, maxFileBytes);
  const limits = {
    maxFieldSize: maxMultipartFieldBytes,
    maxFiles: maxUploadsPerRequest,
    maxFileSize: maxFileBytes + 1,
  };
  const files = createFiles(maxFileBytes);
  const guarded = guard(request, files);
  try {
    const operations = await processRequest(guarded.request, response, limits);
    for (const path of guarded.paths()) replaceAt(operations, path, (upload: Upload) => files.part(upload));
    return toParams(operations);
  } catch (error) {
    throw toRefusal(error, maxFileBytes);
  }
}

function requirePreflight({ headers }: IncomingMessage): void {
  if (preflighted.some((name) => headers[name] !== undefined)) return;
  const message =
    'A multipart request needs one of these headers, so that no page of another origin sends it in your name: Authorization, Apollo-Require-Preflight, GraphQL-Require-Preflight.';
  throw refusal(message, 'BAD_REQUEST', 400);
}

/** What is too large whichever way it is read is refused before it is. */
function refuseLarge({ headers }: IncomingMessage, maxFileBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxMultipartBytes(maxFileBytes)) throw tooLarge(maxFileBytes);
}

function toParams(operations: GraphQLOperation | GraphQLOperation[]): GraphQLParams | GraphQLParams[] {
  return operations as GraphQLParams | GraphQLParams[];
}

function toRefusal(error: unknown, maxFileBytes: number): unknown {
  if (error instanceof GraphQLError || !(error instanceof Error)) return error;
  if (error instanceof TooLargeError) return refusal(error.message, error.code, 413, error.extensions);
  if ('status' in error && error.status === 413) return tooLarge(maxFileBytes);
  return refusal(error.message, 'BAD_REQUEST', 400);
}

function tooLarge(limit: number): GraphQLError {
  const message = `A file takes at most ${limit} bytes, and a request at most ${maxUploadsPerRequest} files.`;
  return refusal(message, 'TOO_LARGE', 413, { limit });
}

function refusal(message: string, code: string, status: number, more: object = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...more, http: { status } } });
}
