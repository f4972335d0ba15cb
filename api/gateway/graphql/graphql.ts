import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { useAPQ as persistedQueries } from '@graphql-yoga/plugin-apq';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth } from '../../domain/auth.ts';
import type { Logger } from '../../logger.ts';
import { identify } from '../auth/identify.ts';
import {
  maxAliases,
  maxBatch,
  maxDepth,
  maxParsedLetters,
  maxQueryLength,
  maxRequestBytes,
  maxStoredLetters,
  maxTokens,
} from '../request-limits.ts';
import { createContext } from './context.ts';
import { costPlugin } from './cost.ts';
import { createErrorMapper } from './errors.ts';
import type { Streams } from './http-streams.ts';
import type { RequestContext, ServerContext } from './server-context.ts';
import { subscribe } from './subscribe.ts';
import { createTextCache } from './text-cache.ts';
import { useMaskedErrors } from './use-masked-errors.ts';

/** GraphQL over HTTP and server-sent events; WebSockets share its parsing, validation, execution and masking. */
export function createGraphQL(options: {
  schema: GraphQLSchema;
  domain: Domain;
  auth: Auth;
  streams: Streams;
  logger: Logger;
}) {
  const { schema, domain, auth, streams, logger } = options;

  return createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: false,
    multipart: false,
    logging: false,
    batching: { limit: maxBatch },
    maxRequestBodySize: maxRequestBytes,
    // Tokens travel in a header that pages of other origins cannot make a browser send: any origin may ask.
    cors: { origin: '*', credentials: false, exposedHeaders: ['x-request-id'] },
    maskedErrors: false,
    parserAndValidationCache: {
      documentCache: createTextCache(maxParsedLetters),
      errorCache: createTextCache(maxParsedLetters),
    },
    plugins: [
      refuseLong,
      maxTokensPlugin({ n: maxTokens, exposeLimits: true }),
      maxDepthPlugin({ n: maxDepth, ignoreIntrospection: true }),
      maxAliasesPlugin({ n: maxAliases }),
      costPlugin,
      persistedQueries({ store: createTextCache(maxStoredLetters) }),
      subscribeAnew,
      streams.plugin,
      refuseUnreadable,
      takeMultipart,
      useMaskedErrors(createErrorMapper({ logger })),
    ],
    context: async (given) => {
      if ('context' in given) return given.context;
      const { req, caller } = given;
      const { viewer, refusal } = await identify(auth, req.headers.authorization);
      return createContext(domain, caller, viewer, refusal);
    },
  });
}

export type GraphQLServer = ReturnType<typeof createGraphQL>;

/** Each event of a stream over HTTP is executed as those over WebSockets are. */
const subscribeAnew: Plugin = { onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe) };

/** Refuses a text that is too long before it is parsed or kept. */
const refuseLong: Plugin = {
  onParams: ({ params: { query } }) => refuseLongQuery(query),
  onParse: ({ params: { source } }) => refuseLongQuery(typeof source === 'string' ? source : source.body),
};

function refuseLongQuery(query: unknown): void {
  if (typeof query !== 'string' || query.length <= maxQueryLength) return;
  const message = `An operation takes at most ${maxQueryLength} letters.`;
  throw new GraphQLError(message, { extensions: { code: 'TOO_LARGE', limit: maxQueryLength } });
}

/**
 * Files stream in beside the operation: the request is read by `multipart.ts`, and by nobody else. It is answered whole, which
 * a stream never is.
 */
const takeMultipart: Plugin<object, ServerContext> = {
  onRequestParse({ serverContext, setRequestParser }) {
    const { multipart = null } = serverContext as Partial<RequestContext>;
    if (multipart) setRequestParser(() => multipart as Promise<GraphQLParams>);
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    const { multipart = null } = args.contextValue as Partial<RequestContext>;
    if (multipart) setResultAndStopExecution({ errors: [noFilesBesideStreams()] });
  },
};

function noFilesBesideStreams(): GraphQLError {
  const extensions = { code: 'BAD_REQUEST', http: { status: 400 } };
  return new GraphQLError('A subscription takes no multipart request: send it as JSON.', { extensions });
}

/** Parameters in a URL or a form whose JSON cannot be read are the client's mistake, not the server's. */
const refuseUnreadable: Plugin<Context> = {
  onRequestParse({ requestParser, setRequestParser }) {
    if (requestParser === undefined) return;
    setRequestParser(async (request) => {
      try {
        return await requestParser(request);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        const extensions = { code: 'BAD_REQUEST', http: { status: 400 } };
        throw new GraphQLError('The variables or extensions are no JSON.', { extensions });
      }
    });
  },
};
