import {
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLFormattedError,
  getOperationAST,
} from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Viewer } from '../../domain/auth.ts';
import type { Audiences, Selection } from '../../live/audiences.ts';
import { canonicalSelection } from '../../live/canonical-selection.ts';
import type { Positioned } from '../../live/live-source.ts';
import { isLiveStream, type LiveStream } from '../../live/live-stream.ts';
import type { MakePayloads } from '../../live/page-loader.ts';
import { analyse, selectionKey } from '../../live/selection.ts';
import { mapStream } from '../../live/stream.ts';
import { createMemberContext, createViewerContext } from './context.ts';
import { type Admission, admit } from './cost.ts';
import type { Documents } from './documents.ts';
import { hasUnavailable, type MapError } from './errors.ts';
import { executeOperation, openSource } from './execute.ts';
import type { GraphQLServer } from './graphql.ts';
import { inTurn } from './in-turn.ts';
import { createPrepare, type Prepared } from './prepare.ts';
import { boundResult } from './response-size.ts';
import { chargeOf, endOnError, withFreshLoaders, withLoadersOf } from './subscribe.ts';
import type { LimitTime } from './time-limit.ts';

/**
 * Runs the operations of WebSockets. The plugins of HTTP parse and validate them, with the same limits; execution skips the
 * rest of the HTTP pipeline. Audiences serve subscriptions that follow a live source.
 * @param options.limitTime limits the time to execute, to subscribe, and to execute the events of a subscription
 * @param options.mapError maps an error to the one that the client sees
 */
export function createOperations(
  options: Admission & {
    graphql: GraphQLServer;
    documents: Documents;
    audiences: Audiences;
    limitTime: LimitTime;
    mapError: MapError;
  },
) {
  const { graphql, documents, audiences, limitTime, mapError } = options;

  async function subscribe(args: Prepared): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const source = await limitTime(args, async (limited) => {
      await admit(limited, options);
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

  async function executeAdmitted(args: ExecutionArgs): Promise<ExecutionResult> {
    await admit(args, options);
    return inTurn(args);
  }

  function masked(result: ExecutionResult): ExecutionResult {
    return result.errors ? { ...result, errors: result.errors.map((error) => mapError(error)) } : result;
  }

  return {
    prepare: createPrepare({ graphql, documents, mapError }),
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
