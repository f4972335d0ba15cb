import type { ExecutionResult } from 'graphql';
import { type FetchAPI, getSSEProcessor, isAsyncIterable, processRegularResult } from 'graphql-yoga';
import type { Accepted } from './accept.ts';
import { multipartStream } from './multipart-stream.ts';

/** Results of a request: of one operation, of a batch, or of a subscription. */
export type Results = ExecutionResult | ExecutionResult[] | AsyncIterable<ExecutionResult>;

/** Returns the media type in which the results of a request are sent. */
export function typeOfResponse(results: Results, { result, stream, hasJson }: Accepted): string {
  if (isAsyncIterable(results)) return stream ?? 'text/event-stream';
  // Clients of automatic persisted queries expect a miss with status 200, which that type alone allows.
  const isMiss = !Array.isArray(results) && results.errors?.[0]?.extensions['code'] === 'PERSISTED_QUERY_NOT_FOUND';
  return isMiss && hasJson && result?.endsWith('json') ? 'application/json' : (result ?? 'application/json');
}

const eventStream = getSSEProcessor();

/**
 * Creates the response to a request.
 * @param results masked results; a single one has its status from `withStatus`
 */
export async function writeResponse(
  results: Results,
  { type, accepted, fetchAPI }: { type: string; accepted: Accepted; fetchAPI: FetchAPI },
): Promise<Response> {
  if (type === 'multipart/mixed')
    return multipartStream(results as Exclude<Results, ExecutionResult[]>, accepted.stream === type, fetchAPI);
  if (type !== 'text/event-stream') return processRegularResult(results, fetchAPI, type);
  const response = await eventStream(results, fetchAPI, type);
  // `none` is no coding that RFC 9110 knows.
  response.headers.delete('content-encoding');
  // It would keep the connection of a client that asks for `close` (RFC 9112, section 9.6); Node knows which one it is.
  response.headers.delete('connection');
  return response;
}
