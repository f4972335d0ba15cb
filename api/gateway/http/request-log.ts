import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../logger.ts';

/** Facts about a request that its handlers add to its line in the log. */
export interface RequestFacts {
  /** Kind and name of each operation of a GraphQL request. */
  operations?: string[];
  /** The user whose token the request has. */
  userId?: string;
}

const maxPathLength = 200;
/** Load balancers and monitors poll these: their requests are logged at `debug`. */
const polled = new Set(['/health', '/ready', '/metrics']);

/**
 * Logs one line at `info` when a request has ended: method, path, status, milliseconds, request id, operations and user. The
 * query of the URL is left out because it can hold tokens, and so is the name of a file, which is a user's text.
 * @param path path of the URL, without its query
 * @returns an empty object; the facts in it at the end are part of the line
 */
export function logRequest(
  logger: Logger,
  given: { request: IncomingMessage; response: ServerResponse; requestId: string; path: string },
): RequestFacts {
  const { request, response, requestId, path } = given;
  const { method } = request;
  const level = polled.has(path) ? 'debug' : 'info';
  const startedAt = performance.now();
  const facts: RequestFacts = {};
  response.once('close', () => {
    const durationMs = Math.round(performance.now() - startedAt);
    const outcome = response.writableFinished ? {} : { aborted: true };
    const { statusCode: status } = response;
    logger[level]({ requestId, method, path: loggedPath(path), status, durationMs, ...outcome, ...facts }, 'request');
  });
  return facts;
}

/** Files have the path `/files/ID/VARIANT/NAME`. */
function loggedPath(path: string): string {
  const shown = path.startsWith('/files/') ? path.split('/', 4).join('/') : path;
  return shown.slice(0, maxPathLength);
}
