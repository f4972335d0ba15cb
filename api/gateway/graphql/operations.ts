import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  parse,
} from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import type { SubscribePayload } from 'graphql-ws';
import { isAsyncIterable } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Context } from '../../../schema/context.ts';
import { addressGroup } from '../../address.ts';
import type { Viewer } from '../../domain/auth.ts';
import type { CostBudget } from '../../domain/cost-budget.ts';
import type { Audiences, Selection } from '../../live/audiences.ts';
import { canonicalSelection } from '../../live/canonical-selection.ts';
import type { Positioned } from '../../live/live-source.ts';
import { isLiveStream, type LiveStream } from '../../live/live-stream.ts';
import type { MakePayloads } from '../../live/page-loader.ts';
import { analyse, selectionKey } from '../../live/selection.ts';
import { mapStream } from '../../live/stream.ts';
import type { Sink } from '../../live/subscriber.ts';
import { maxParsedLetters } from '../request-limits.ts';
import { createClientTurns } from './client-turns.ts';
import { createMemberContext, createViewerContext } from './context.ts';
import { admit } from './cost.ts';
import type { Documents } from './documents.ts';
import { hasUnavailable, type MapError, noOperationMessage } from './errors.ts';
import { executeOperation, openSource } from './execute.ts';
import type { GraphQLServer } from './graphql.ts';
import { inTurn } from './in-turn.ts';
import { boundResult } from './response-size.ts';
import { chargeOf, endOnError, withFreshLoaders, withLoadersOf } from './subscribe.ts';
import type { LimitTime } from './time-limit.ts';

/** A parsed document with its validation errors. */
interface ParsedDocument {
  schema: GraphQLSchema;
  document: DocumentNode;
  errors: readonly GraphQLError[];
}

/** Execution arguments with the sink of live results. */
interface Prepared extends ExecutionArgs {
  sink: Sink;
  /** Error that is the result of the operation, in place of executing it. */
  refusal?: GraphQLError;
}

/** An operation to prepare. */
interface OperationRequest {
  payload: SubscribePayload;
  context: Context;
  /** Destination of live results. */
  sink: Sink;
}

/** Document of an operation whose document is not known. */
const unknownDocument = parse('{ __typename }');

/**
 * Runs the operations of WebSockets. The plugins of HTTP parse and validate them, with the same limits; execution skips the
 * rest of the HTTP pipeline. Audiences serve subscriptions that follow a live source.
 * @param options.limitTime limits the time to execute, to subscribe, and to execute the events of a subscription
 * @param options.mapError maps an error to the one that the client sees
 */
export function createOperations(options: {
  graphql: GraphQLServer;
  documents: Documents;
  audiences: Audiences;
  costBudget: CostBudget;
  limitTime: LimitTime;
  mapError: MapError;
}) {
  const { graphql, documents, audiences, costBudget, limitTime, mapError } = options;
  const parsed = new LRUCache<string, ParsedDocument>({
    maxSize: maxParsedLetters,
    sizeCalculation: (_read, text) => text.length,
  });

  const inTurnOfClient = createClientTurns();

  function prepare(text: string, { payload, context, sink }: OperationRequest): Prepared | readonly GraphQLError[] {
    const { schema, document, errors } = read(text);
    if (errors.length > 0) return errors.map((error) => mapError(error));
    const operationName = payload.operationName || null;
    if (!getOperationAST(document, operationName)) return [mapError(new GraphQLError(noOperationMessage))];
    return {
      sink,
      schema,
      document,
      operationName,
      variableValues: payload.variables ?? {},
      contextValue: context,
    };
  }

  /** @throws GraphQLError if the text cannot be parsed; that result is not cached */
  function read(text: string): ParsedDocument {
    const present = parsed.get(text);
    if (present) return present;
    const { schema, parse: parseText, validate } = graphql.getEnveloped();
    const document = parseText(text);
    const made = { schema, document, errors: validate(schema, document) };
    parsed.set(text, made);
    return made;
  }

  async function subscribe(args: Prepared): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const source = await limitTime(args, async (limited) => {
      await admit(limited, costBudget);
      return openSource(limited);
    });
    if (!isAsyncIterable(source)) return masked(source);
    if (isLiveStream(source)) return endOnError(source, () => audiences.serve(source, select(source, args), args.sink));
    const onEnd = endOnError(source, () => audiences.charge(chargeOf(args)));
    const kept = { ...args };
    const execute = (event: unknown) =>
      limitTime(withFreshLoaders(kept, event), (fresh) => executeOperation(fresh, event));
    return mapStream(source, { map: async (event) => masked(await execute(event)), onEnd });
  }

  /** Returns the selection that an audience executes for all its subscribers; it keeps nothing of a single subscriber. */
  function select({ source }: LiveStream<Positioned>, args: Prepared): Selection {
    const { schema, document, operationName = null } = args;
    const { domain, viewer } = args.contextValue as Context;
    const sharing = analyse(schema, document, operationName);
    const variableValues = coerce(args);
    const contextValue = sharing.isShareable ? createMemberContext(domain, source.channelId) : args.contextValue;
    const event = { schema, document, operationName, variableValues, contextValue };
    const canonical = canonicalSelection({ schema, document, operationName, variables: variableValues });
    const key = selectionKey(sharing, canonical, variableValues, viewer?.sessionId ?? '');
    return { ...chargeOf(args), key, make: () => makeWith(event) };
  }

  function makeWith(args: ExecutionArgs): MakePayloads<unknown> {
    const { domain } = args.contextValue as Context;
    return async (items, viewer, round) => {
      const own = viewer ? { ...args, contextValue: createViewerContext(domain, viewer as Viewer) } : args;
      const execute = (given: ExecutionArgs) => Promise.all(items.map((item) => executeOperation(given, item)));
      const results = await limitTime(withLoadersOf(round, own), execute);
      if (!Array.isArray(results) || results.some(({ errors }) => hasUnavailable(errors))) {
        round.hasFailed = true;
        return null;
      }
      return results.map((result) => Buffer.from(JSON.stringify(withoutLocations(masked(result)))));
    };
  }

  /**
   * Clients of persisted queries look for this error in a result: only then do they send the text. Over an `error` message they
   * give up.
   */
  function refuse(error: GraphQLError, { context, sink }: OperationRequest): Prepared | readonly GraphQLError[] {
    if (error.extensions['code'] !== 'PERSISTED_QUERY_NOT_FOUND') return [error];
    const { schema } = graphql.getEnveloped();
    return { sink, schema, document: unknownDocument, contextValue: context, refusal: error };
  }

  async function executeAdmitted(args: ExecutionArgs): Promise<ExecutionResult> {
    await admit(args, costBudget);
    return inTurn(args);
  }

  function masked(result: ExecutionResult): ExecutionResult {
    return result.errors ? { ...result, errors: result.errors.map((error) => mapError(error)) } : result;
  }

  return {
    /**
     * Finds the document of an operation, and parses and validates it in its client's turn. Those of one client keep their
     * order, unless the document of one must be looked up.
     * @param sink destination of live results
     * @returns its errors, or the arguments for `execute` and `subscribe`
     */
    async prepare(
      payload: SubscribePayload,
      context: Context,
      sink: Sink,
    ): Promise<Prepared | readonly GraphQLError[]> {
      const client = context.viewer?.userId ?? addressGroup(context.address);
      const request = { payload, context, sink };
      try {
        const found = documents.textOf(payload);
        const text = typeof found === 'string' ? found : await found;
        return await inTurnOfClient(client, () => prepare(text, request));
      } catch (error) {
        return refuse(mapError(error), request);
      }
    },
    async execute(args: ExecutionArgs): Promise<ExecutionResult> {
      const { refusal } = args as Prepared;
      if (refusal) return { errors: [refusal] };
      try {
        return masked(boundResult(await limitTime(args, executeAdmitted)));
      } catch (error) {
        return { errors: [mapError(error)] };
      }
    },
    async subscribe(args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
      try {
        return await subscribe(args as Prepared);
      } catch (error) {
        return { errors: [mapError(error)] };
      } finally {
        forget(args);
      }
    },
  };
}

/** graphql-ws keeps the arguments for as long as a subscription lasts: this frees the memory they refer to. */
function forget(args: ExecutionArgs): void {
  Object.assign(args, { sink: null, contextValue: null, variableValues: null });
}

/** Removes the places in the document, which differ between the documents that share a result. */
function withoutLocations({ errors, ...result }: ExecutionResult): FormattedExecutionResult {
  if (errors === undefined) return result;
  const formatted = errors.map(({ message, path, extensions }): GraphQLFormattedError => {
    return path ? { message, path, extensions } : { message, extensions };
  });
  return { errors: formatted, ...result };
}

/** Returns the values of the variables that the operation declares, with their defaults. */
function coerce({ schema, document, operationName, variableValues }: ExecutionArgs): Record<string, unknown> {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variableValues ?? {}).coerced ?? {};
}
