import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { GraphQLError } from 'graphql';
import { type GraphQLOperation, processRequest } from 'graphql-upload-minimal';
import type { GraphQLParams } from 'graphql-yoga';
import { maxMultipartFieldBytes, maxUploadsPerRequest } from './limits.ts';

/** Headers of which a page of another origin cannot make a browser send any without asking first. */
const preflighted = [
  'authorization',
  'apollo-require-preflight',
  'graphql-require-preflight',
  'x-apollo-operation-name',
];
/** Where a file may be put: a variable, or something within one. */
const place = /^(?:\d{1,2}\.)?variables(?:\.\w{1,64}){1,8}$/;

export function isMultipart({ headers }: IncomingMessage): boolean {
  return /^multipart\/form-data\b/i.test(headers['content-type'] ?? '');
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
 * @param maxFileBytes of one file; its stream ends early, by `limit`, one byte beyond it
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
  try {
    return toParams(await processRequest(guarded(request), response, limits));
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
  const most = (maxFileBytes + maxMultipartFieldBytes) * maxUploadsPerRequest;
  if (Number(headers['content-length'] ?? 0) > most) throw tooLarge(maxFileBytes);
}

/**
 * The request as the library is to see it: the paths of its map are looked at first. The library follows them through whatever
 * they name, also into what all objects inherit.
 */
function guarded(request: IncomingMessage): IncomingMessage {
  const facade = {
    headers: request.headers,
    get readableEnded() {
      return request.readableEnded;
    },
    pipe(parser: Writable) {
      guardMap(parser);
      return request.pipe(parser);
    },
    unpipe: (parser: Writable) => request.unpipe(parser),
    once: (event: string, listener: () => void) => request.once(event, listener),
    resume: () => request.resume(),
  };
  return facade as unknown as IncomingMessage;
}

type OnField = (name: string, value: string, info: unknown) => void;

function guardMap(parser: Writable): void {
  const [own] = parser.listeners('field') as OnField[];
  parser.removeAllListeners('field');
  parser.on('field', (name: string, value: string, info: unknown) => {
    if (name === 'map' && !isSafeMap(value)) parser.destroy(new Error("The 'map' names what is no variable."));
    else own?.(name, value, info);
  });
}

/** What cannot be read at all the library refuses by itself. */
function isSafeMap(text: string): boolean {
  try {
    const paths = Object.values(JSON.parse(text) as Record<string, unknown>).flat();
    return paths.every((path) => typeof path !== 'string' || isSafePath(path));
  } catch {
    return true;
  }
}

function isSafePath(path: string): boolean {
  const isInherited = (name: string) => name in Object.prototype || name in Array.prototype || name in String.prototype;
  return place.test(path) && !path.split('.').some((name) => !/^\d+$/.test(name) && isInherited(name));
}

function toParams(operations: GraphQLOperation | GraphQLOperation[]): GraphQLParams | GraphQLParams[] {
  return operations as GraphQLParams | GraphQLParams[];
}

function toRefusal(error: unknown, maxFileBytes: number): unknown {
  if (error instanceof GraphQLError || !(error instanceof Error)) return error;
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
