import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Callers } from '../auth/caller.ts';
import type { EventStreamRoute } from '../event-stream/event-stream-route.ts';
import { checkMediaTypes } from '../graphql/check-media-types.ts';
import type { GraphQLServer } from '../graphql/graphql.ts';
import type { RequestContext } from '../graphql/server-context.ts';
import { headersWithoutBody, isMultipart, readMultipart } from '../multipart/multipart.ts';
import { acceptsAnyCoding } from './compress.ts';
import type { GraphiQLPages } from './graphiql-pages.ts';
import { isNavigation, navigationHeaders } from './navigation.ts';
import type { IsAllowedOrigin } from './origins.ts';
import { isForgeable, preflightMessage } from './preflight.ts';
import { refuseGraphQL } from './refusal.ts';
import type { RequestFacts } from './request-log.ts';
import { foreignOriginMessage } from './routes.ts';
import { sendResult } from './send-result.ts';

/** Options of `createGraphQLRoute`. */
export interface GraphQLRouteOptions {
  graphql: GraphQLServer;
  callers: Callers;
  isAllowedOrigin: IsAllowedOrigin;
  /** Whether a browser that opens `/graphql` gets GraphiQL. */
  graphiql: boolean;
  pages: GraphiQLPages;
  /** Requests about streams that carry many operations. */
  eventStreams: EventStreamRoute;
  /** Maximum size of one uploaded file, in bytes. */
  maxFileBytes: number;
}

/** Creates the handler of `/graphql`: GraphiQL, operations, streams and multipart requests. */
export function createGraphQLRoute(options: GraphQLRouteOptions) {
  const { graphql, eventStreams, callers, isAllowedOrigin, maxFileBytes } = options;

  return async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    routed: { requestId: string; facts: RequestFacts },
  ): Promise<void> {
    const { requestId, facts } = routed;
    if (wantsPage(request, options)) return options.pages.sendPage(request, response);
    response.appendHeader('vary', request.method === 'POST' ? 'Accept' : navigationHeaders);
    response.appendHeader('vary', 'Authorization, Accept-Encoding');
    // Responses belong to one viewer, and a cached miss of a persisted query would hide the query once it is known.
    response.setHeader('cache-control', 'no-store');
    if (!isAllowedOrigin(request.headers)) return refuseGraphQL(response, foreignOrigin);
    if (eventStreams.serves(request)) return eventStreams.handle(request, response, routed);
    const accepted = checkMediaTypes(request);
    if ('status' in accepted) return refuseGraphQL(response, accepted);
    if (!acceptsAnyCoding(request.headers)) return refuseGraphQL(response, noCoding);
    if (request.method === 'POST' && isForgeable(request.headers)) return refuseGraphQL(response, forgeable);
    // Yoga knows no HEAD; Node leaves the body out of the response.
    if (request.method === 'HEAD') request.method = 'GET';
    const context = {
      req: request,
      res: response,
      caller: callers.read(request),
      requestId,
      facts,
      accepted,
      lastEventId: accepted.stream === 'text/event-stream' ? readLastEventId(request) : undefined,
      cursor: { position: null, suffix: '' },
    };
    if (isMultipart(request)) return handleMultipart(context);
    const own = { ...context, multipart: null };
    await sendResult(await graphql.handleNodeRequestAndResponse(request, response, own), own);
  };

  /** `multipart.ts` alone reads the request's body: Yoga gets a request without one. */
  async function handleMultipart(context: Omit<RequestContext, 'multipart'>): Promise<void> {
    const { req, res } = context;
    const multipart = readMultipart(req, res, maxFileBytes);
    // It may reject before Yoga awaits it.
    multipart.catch(() => {});
    const headers = { ...headersWithoutBody(req), 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: '{}' };
    const own = { ...context, multipart };
    await sendResult(await graphql.fetch('http://localhost/graphql', init, own), own);
  }
}

const foreignOrigin = { status: 403, code: 'FORBIDDEN', message: foreignOriginMessage };

const noCoding = { status: 406, code: 'BAD_REQUEST', message: 'Accept the coding br, gzip or identity.' };

const forgeable = { status: 400, code: 'BAD_REQUEST', message: preflightMessage };

/** Returns the id of the last event that the client has read (HTML, section 9.2.4); undefined without one. */
function readLastEventId({ headers }: IncomingMessage): string | undefined {
  const { 'last-event-id': id } = headers;
  return String(id ?? '') || undefined;
}

/** Parameters by which a URL has an operation. */
const operationPattern = /[?&](?:query|documentId|doc_id|extensions)=/;

/** A query in the URL is for GraphiQL's editor, which is where a browser shows it. Without GraphiQL it is executed. */
function wantsPage({ method, headers, url = '' }: IncomingMessage, { graphiql }: GraphQLRouteOptions): boolean {
  return method !== 'POST' && isNavigation(headers) && (graphiql || !operationPattern.test(url));
}
