import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { type ExecutionArgs, GraphQLError, type GraphQLSchema, getOperationAST } from 'graphql';
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth } from '../../domain/auth.ts';
import type { Audiences } from '../../live/audiences.ts';
import type { Logger } from '../../logger.ts';
import { identify } from '../auth/identify.ts';
import { identifyByTicket, type StreamClient, streamTicketOf } from '../auth/identify-by-ticket.ts';
import { maxAliases, maxBatch, maxDepth, maxParsedLetters, maxQueryLength, maxTokens } from '../request-limits.ts';
import { createContext } from './context.ts';
import { type Admission, createCostPlugin } from './cost.ts';
import type { Documents } from './documents.ts';
import { createErrorMapper } from './errors.ts';
import { executeOperation } from './execute.ts';
import type { Streams } from './http-streams.ts';
import { inTurn } from './in-turn.ts';
import { usePersistedQueries } from './persisted-queries.ts';
import { emptyQueryMessage } from './request-params.ts';
import { responseSizePlugin } from './response-size.ts';
import type { RequestContext, ServerContext } from './server-context.ts';
import { subscribe } from './subscribe.ts';
import { UnconditionalSubscriptionRule } from './subscription-root.ts';
import { createTextCache } from './text-cache.ts';
import type { LimitTime, WaitInTime } from './time-limit.ts';
import { useBoundedJson } from './use-bounded-json.ts';
import { useMaskedErrors } from './use-masked-errors.ts';
import { useNoIntrospection } from './use-no-introspection.ts';
import { useRequestFacts } from './use-request-facts.ts';
import { useStreamableOnly } from './use-streamable-only.ts';
import { useWellFormedParams } from './use-well-formed-params.ts';

/** Creates GraphQL over HTTP and server-sent events. WebSockets share its parsing, validation and execution. */
export function createGraphQL(
  options: Admission & {
    schema: GraphQLSchema;
    domain: Domain;
    auth: Auth;
    streams: Streams;
    audiences: Audiences;
    documents: Documents;
    /** Whether clients may query `__schema` and `__type`. */
    introspection: boolean;
    /** Limits the time of each execution. */
    limitTime: LimitTime;
    /** Limits the time of the steps before an execution. */
    waitInTime: WaitInTime;
    logger: Logger;
  },
) {
  const { schema, domain, auth, streams, waitInTime, logger } = options;

  async function identifyClient({
    req,
    caller,
    requestId,
    accepted,
    lastEventId,
  }: RequestContext): Promise<StreamClient> {
    const ticket = accepted.stream === 'text/event-stream' ? streamTicketOf(req) : null;
    if (ticket === null) return { ...(await identify(auth, req.headers.authorization)), lastEventId, suffix: '' };
    return identifyByTicket(domain.streamTickets, { ticket, lastEventId, origin: { ...caller, requestId } });
  }

  return createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: false,
    multipart: false,
    logging: false,
    batching: { limit: maxBatch },
    // `read-body.ts` bounds it.
    maxRequestBodySize: false,
    // `cors.ts` permits the responses of Yoga and the refusals before it.
    cors: false,
    maskedErrors: false,
    parserAndValidationCache: {
      documentCache: createTextCache(maxParsedLetters),
      errorCache: createTextCache(maxParsedLetters),
    },
    plugins: [
      useWellFormedParams,
      useQueryLengthLimit,
      maxTokensPlugin({ n: maxTokens, exposeLimits: true }),
      maxDepthPlugin({ n: maxDepth, ignoreIntrospection: true }),
      maxAliasesPlugin({ n: maxAliases }),
      // Before the plugins that reject operations, so that those are logged too.
      useRequestFacts,
      useStreamableOnly,
      createSharedExecution(options),
      createCostPlugin(options, waitInTime),
      responseSizePlugin,
      ...(options.introspection ? [] : [useNoIntrospection]),
      usePersistedQueries(options.documents),
      useSubscriptionRules,
      streams.plugin,
      useBoundedJson,
      useMultipart,
      useMaskedErrors(createErrorMapper({ logger })),
    ],
    context: async (given) => {
      if ('context' in given) return given.context;
      const { caller, requestId, cursor } = given;
      // The request has been read as a whole: the time that its client took to send it does not count.
      const arrivedAt = performance.now();
      const client = await waitInTime(arrivedAt, identifyClient(given));
      const { viewer, refusal, lastEventId } = client;
      cursor.suffix = client.suffix;
      return createContext(domain, { ...caller, requestId, arrivedAt, lastEventId }, viewer, refusal);
    },
  });
}

export type GraphQLServer = ReturnType<typeof createGraphQL>;

/** Executes operations and the events of streams over HTTP in the same way as over WebSockets. */
function createSharedExecution(options: { audiences: Audiences; limitTime: LimitTime }): Plugin {
  const { limitTime } = options;
  return {
    onExecute: ({ args, setExecuteFn }) =>
      setExecuteFn(isUpload(args) ? executeOperation : (given: ExecutionArgs) => limitTime(given, inTurn)),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn((given: ExecutionArgs) => subscribe(given, options)),
  };
}

/** Whether a mutation reads files, whose time is the client's: a minimum rate bounds it. */
function isUpload({ document, operationName, contextValue }: ExecutionArgs): boolean {
  const { multipart = null } = contextValue as Partial<RequestContext>;
  return multipart !== null && getOperationAST(document, operationName)?.operation === 'mutation';
}

const useSubscriptionRules: Plugin = {
  onValidate: ({ addValidationRule }) => addValidationRule(UnconditionalSubscriptionRule),
};

/** Rejects a query that is empty or too long before it is parsed or cached. */
const useQueryLengthLimit: Plugin = {
  onParams: ({ params: { query } }) => rejectBadQuery(query),
  onParse: ({ params: { source } }) => rejectBadQuery(typeof source === 'string' ? source : source.body),
};

function rejectBadQuery(query: unknown): void {
  if (query === '') throw new GraphQLError(emptyQueryMessage, { extensions: { code: 'BAD_REQUEST' } });
  if (typeof query !== 'string' || query.length <= maxQueryLength) return;
  const message = `The text of an operation must be at most ${maxQueryLength} characters.`;
  throw new GraphQLError(message, { extensions: { code: 'TOO_LARGE', limit: maxQueryLength } });
}

/** Takes the parameters of a multipart request from `multipart.ts`, which reads the request while files stream in. */
const useMultipart: Plugin<object, ServerContext> = {
  onRequestParse({ serverContext, setRequestParser }) {
    const { multipart = null } = serverContext as Partial<RequestContext>;
    if (multipart) setRequestParser(() => multipart as Promise<GraphQLParams>);
  },
};
