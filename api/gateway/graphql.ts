import type { IncomingMessage, ServerResponse } from 'node:http';
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { useAPQ as persistedQueries } from '@graphql-yoga/plugin-apq';
import type { GraphQLSchema } from 'graphql';
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Context, Domain } from '../../schema/context.ts';
import type { Auth } from '../domain/auth.ts';
import type { Logger } from '../logger.ts';
import { type Caller, createContext, identify } from './context.ts';
import { createMask } from './mask.ts';

/** What Yoga is given with each operation: the request that it came by, or the context that is made already. */
export type ServerContext = { req: IncomingMessage; res: ServerResponse; caller: Caller } | { context: Context };

const maxBatch = 10;
const maxDepth = 12;
const maxAliases = 30;
const maxTokens = 2_000;

/** GraphQL over HTTP and server-sent events; WebSockets share its parsing, validation, execution and masking. */
export function createGraphQL(options: { schema: GraphQLSchema; domain: Domain; auth: Auth; logger: Logger }) {
  const { schema, domain, auth, logger } = options;
  const mask = createMask({ logger });

  return createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: false,
    multipart: false,
    logging: false,
    batching: { limit: maxBatch },
    // Tokens travel in a header that pages of other origins cannot make a browser send: any origin may ask.
    cors: { origin: '*', credentials: false },
    maskedErrors: { maskError: mask },
    plugins: [
      maxTokensPlugin({ n: maxTokens, exposeLimits: true }),
      maxDepthPlugin({ n: maxDepth, ignoreIntrospection: true }),
      maxAliasesPlugin({ n: maxAliases }),
      persistedQueries({ store: createQueryStore() }),
      trackPresence(domain),
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

function createQueryStore() {
  const queries = new LRUCache<string, string>({ max: 1_000 });
  return {
    get: (hash: string) => queries.get(hash),
    set: (hash: string, query: string) => void queries.set(hash, query),
  };
}

/** Who follows over server-sent events is online meanwhile, as over a WebSocket. */
function trackPresence({ presence }: Domain): Plugin<Context> {
  return {
    onSubscribe: ({ args: { contextValue } }) => ({
      onSubscribeResult: ({ result }) => {
        const { viewer } = contextValue as Context;
        return viewer && isAsyncIterable(result) ? { onEnd: presence.connected(viewer.userId) } : undefined;
      },
    }),
  };
}
