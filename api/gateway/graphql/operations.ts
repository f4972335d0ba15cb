import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
} from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import type { SubscribePayload } from 'graphql-ws';
import { isAsyncIterable } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Context } from '../../../schema/context.ts';
import type { Viewer } from '../../domain/auth.ts';
import type { MakePayloads, Sink } from '../../live/audience.ts';
import type { Audiences, Selection } from '../../live/audiences.ts';
import type { Positioned } from '../../live/live-source.ts';
import { isLiveStream, type LiveStream } from '../../live/live-stream.ts';
import { analyse, selectionKey } from '../../live/selection.ts';
import { mapStream } from '../../live/stream.ts';
import { maxParsedLetters } from '../request-limits.ts';
import { createMemberContext, createViewerContext } from './context.ts';
import { refuseCostly } from './cost.ts';
import { type MapError, saysUnavailable } from './errors.ts';
import type { GraphQLServer } from './graphql.ts';
import { executeEvent, openSource, withNewLoaders } from './subscribe.ts';

/** A text as it was parsed, and what is wrong with it. */
interface ReadDocument {
  schema: GraphQLSchema;
  document: DocumentNode;
  errors: readonly GraphQLError[];
}

/** Execution arguments that know where live results go. */
interface Prepared extends ExecutionArgs {
  sink: Sink;
}

/**
 * Operations that come over a WebSocket: parsed and validated by the same plugins as those over HTTP, with the same bounds,
 * and executed without what a request needs besides. Subscriptions that follow a live source are served by audiences.
 * @param options.mapError what a client sees of an error
 */
export function createOperations(options: { graphql: GraphQLServer; audiences: Audiences; mapError: MapError }) {
  const { graphql, audiences, mapError } = options;
  const documents = new LRUCache<string, ReadDocument>({
    maxSize: maxParsedLetters,
    sizeCalculation: (_read, text) => text.length,
  });

  function prepare(payload: SubscribePayload, context: Context, sink: Sink): Prepared | readonly GraphQLError[] {
    const { schema, document, errors } = read(payload.query);
    if (errors.length > 0) return errors.map((error) => mapError(error));
    return {
      sink,
      schema,
      document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? {},
      contextValue: context,
    };
  }

  /** @throws what keeps a text from being read: such a one is read anew each time */
  function read(text: string): ReadDocument {
    const present = documents.get(text);
    if (present) return present;
    const { schema, parse, validate } = graphql.getEnveloped();
    const document = parse(text);
    const made = { schema, document, errors: validate(schema, document) };
    documents.set(text, made);
    return made;
  }

  async function subscribe(args: Prepared): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    refuseCostly(args);
    const source = await openSource(args);
    if (!isAsyncIterable(source)) return masked(source);
    if (isLiveStream(source)) return audiences.serve(source, select(source, args), args.sink);
    const kept = { ...args };
    return mapStream(source, { map: async (event) => masked(await executeEvent(withNewLoaders(kept), event)) });
  }

  /** What subscribers have in common that an audience makes its results of; nothing of the one who asks is kept. */
  function select({ source }: LiveStream<Positioned>, args: Prepared): Selection {
    const { schema, document, operationName = null } = args;
    const { domain, viewer } = args.contextValue as Context;
    const sharing = analyse(schema, document, operationName);
    const variableValues = coerce(args);
    const contextValue = sharing.isShareable ? createMemberContext(domain, source.channelId) : args.contextValue;
    const event = { schema, document, operationName, variableValues, contextValue };
    return { key: selectionKey(sharing, variableValues, viewer?.sessionId ?? ''), make: () => makeWith(event) };
  }

  function makeWith(args: ExecutionArgs): MakePayloads<unknown> {
    const { domain } = args.contextValue as Context;
    return async (items, viewer) => {
      const own = viewer
        ? { ...args, contextValue: createViewerContext(domain, viewer as Viewer) }
        : withNewLoaders(args);
      const results = await Promise.all(items.map((item) => executeEvent(own, item)));
      if (results.some(({ errors }) => saysUnavailable(errors))) return null;
      return results.map((result) => Buffer.from(JSON.stringify(masked(result))));
    };
  }

  function masked(result: ExecutionResult): ExecutionResult {
    return result.errors ? { ...result, errors: result.errors.map((error) => mapError(error)) } : result;
  }

  return {
    /**
     * Parses and validates an operation.
     * @param sink where live results go
     * @returns its errors, or what `execute` and `subscribe` take
     */
    prepare(payload: SubscribePayload, context: Context, sink: Sink): Prepared | readonly GraphQLError[] {
      try {
        return prepare(payload, context, sink);
      } catch (error) {
        return [mapError(error)];
      }
    },
    async execute(args: ExecutionArgs): Promise<ExecutionResult> {
      try {
        refuseCostly(args);
        return masked(await execute(args));
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

/** What graphql-ws holds on to for as long as a subscription lasts is to be no more than it needs. */
function forget(args: ExecutionArgs): void {
  Object.assign(args, { sink: null, contextValue: null, variableValues: null });
}

/** Those that the operation declares, with their defaults. */
function coerce({ schema, document, operationName, variableValues }: ExecutionArgs): Record<string, unknown> {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variableValues ?? {}).coerced ?? {};
}
