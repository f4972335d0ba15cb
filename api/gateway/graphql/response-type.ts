import type { ExecutionResult } from 'graphql';
import { type FetchAPI, isAsyncIterable, processRegularResult } from 'graphql-yoga';
import type { Accepted } from './accept.ts';
import { eventStreamFormat, type StreamCursor } from './event-stream.ts';
import { multipartFormat } from './multipart-stream.ts';
import { withHints } from './response-status.ts';
import { resultStream } from './result-stream.ts';

/** Results of a request: of one operation, of a batch, or of a subscription. */
export type Results = ExecutionResult | ExecutionResult[] | AsyncIterable<ExecutionResult>;

/** Returns the media type in which the results of a request are sent. */
export function typeOfResponse(results: Results, { result, stream, hasJson }: Accepted): string {
  if (isAsyncIterable(results)) return stream ?? 'text/event-stream';
  // Clients of automatic persisted queries expect a miss with status 200, which that type alone allows.
  const isMiss = !Array.isArray(results) && results.errors?.[0]?.extensions['code'] === 'PERSISTED_QUERY_NOT_FOUND';
  return isMiss && hasJson && result?.endsWith('json') ? 'application/json' : (result ?? 'application/json');
}

/** How a response is written. */
interface ResponseParts {
  type: string;
  accepted: Accepted;
  /** Progress of the request's stream. */
  cursor: StreamCursor;
  fetchAPI: FetchAPI;
}

/**
 * Creates the response to a request.
 * @param results masked results; a single one has its status from `withStatus`
 */
export async function writeResponse(
  results: Results,
  { type, accepted, cursor, fetchAPI }: ResponseParts,
): Promise<Response> {
  if (type !== 'multipart/mixed' && type !== 'text/event-stream') return processRegularResult(results, fetchAPI, type);
  const format = type === 'text/event-stream' ? eventStreamFormat(cursor) : multipartFormat(accepted.stream === type);
  const { result, headers } = withoutHints(results as Exclude<Results, ExecutionResult[]>);
  return resultStream(result, { format, headers }, fetchAPI);
}

/** Takes the headers that `withStatus` has left on the first error of a single result. */
function withoutHints(results: Exclude<Results, ExecutionResult[]>) {
  if (isAsyncIterable(results) || results.errors === undefined) return { result: results, headers: {} };
  const { headers = {} } = (results.errors[0]?.extensions['http'] ?? {}) as { headers?: Record<string, string> };
  return { result: { ...results, errors: results.errors.map((error) => withHints(error, null)) }, headers };
}
