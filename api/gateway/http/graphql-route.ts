import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Callers } from '../auth/caller.ts';
import type { GraphQLServer } from '../graphql/graphql.ts';
import type { RequestContext } from '../graphql/server-context.ts';
import { headersWithoutBody, isMultipart, readMultipart } from '../multipart/multipart.ts';
import type { createGraphiQLPages } from './graphiql-pages.ts';
import { isNavigation, navigationHeaders } from './navigation.ts';
import type { IsAllowedOrigin } from './origins.ts';
import { isForgeable, preflightMessage } from './preflight.ts';
import { refuseGraphQL } from './refusal.ts';
import type { RequestFacts } from './request-log.ts';

/** Options of `createGraphQLRoute`. */
export interface GraphQLRouteOptions {
  graphql: GraphQLServer;
  callers: Callers;
  isAllowedOrigin: IsAllowedOrigin;
  /** Whether a browser that opens `/graphql` gets GraphiQL. */
  graphiql: boolean;
  pages: ReturnType<typeof createGraphiQLPages>;
  /** Maximum size of one uploaded file, in bytes. */
  maxFileBytes: number;
}

/** Creates the handler of `/graphql`: GraphiQL, operations, streams and multipart requests. */
export function createGraphQLRoute(options: GraphQLRouteOptions) {
  const { graphql, callers, isAllowedOrigin, maxFileBytes } = options;

  return async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    { requestId, facts }: { requestId: string; facts: RequestFacts },
  ): Promise<void> {
    if (wantsPage(request, options)) return options.pages.sendPage(request, response);
    if (request.method === 'GET') response.setHeader('vary', navigationHeaders);
    if (!isAllowedOrigin(request.headers)) return refuseGraphQL(response, foreignOrigin);
    if (request.method === 'POST' && isForgeable(request.headers)) return refuseGraphQL(response, forgeable);
    const context = { req: request, res: response, caller: callers.read(request), requestId, facts };
    if (isMultipart(request)) await handleMultipart(context);
    else await graphql.handle(request, response, { ...context, multipart: null });
  };

  /** `multipart.ts` alone reads the request's body: Yoga gets a request without one. */
  async function handleMultipart(context: Omit<RequestContext, 'multipart'>): Promise<void> {
    const { req, res } = context;
    const multipart = readMultipart(req, res, maxFileBytes);
    // It may reject before Yoga awaits it.
    multipart.catch(() => {});
    const headers = { ...headersWithoutBody(req), 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: '{}' };
    const response = await graphql.fetch('http://localhost/graphql', init, { ...context, multipart });
    res.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
  }
}

const foreignOrigin = {
  status: 403,
  code: 'FORBIDDEN',
  message:
    'Pages of this origin may not use the API: add it to ALLOWED_ORIGINS, or set PUBLIC_URL if it is the server’s own.',
};

const forgeable = { status: 400, code: 'BAD_REQUEST', message: preflightMessage };

/** A query in the URL is for GraphiQL's editor, which is where a browser shows it. Without GraphiQL it is executed. */
function wantsPage({ method, headers, url = '' }: IncomingMessage, { graphiql }: GraphQLRouteOptions): boolean {
  return (method === 'GET' || method === 'HEAD') && isNavigation(headers) && (graphiql || !url.includes('query='));
}
