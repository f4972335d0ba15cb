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
import type { ShownEvent } from '../../domain/updates/live-update.ts';
import { isUpdateSubscription, type UpdateSubscription } from '../../domain/updates/update-subscription.ts';
import type { Entry } from '../../events.ts';
import type { Audiences, Selection } from '../../live/audiences.ts';
import { canonicalSelection } from '../../live/canonical-selection.ts';
import { isLiveStream } from '../../live/live-stream.ts';
import type { MakePayloads } from '../../live/page-loader.ts';
import { cursorPlaceholder } from '../../live/result-frames.ts';
import { analyse, selectionKey } from '../../live/selection.ts';
import { mapStream, type Stream } from '../../live/stream.ts';
import { createMemberContext, createViewerContext } from './context.ts';
import { type Admission, admit } from './cost.ts';
import type { Documents } from './documents.ts';
import { hasUnavailable, type MapError } from './errors.ts';
import { executeOperation, executeOver, openSource } from './execute.ts';
import type { GraphQLServer } from './graphql.ts';
import { inTurn } from './in-turn.ts';
import { createPrepare, type Prepared } from './prepare.ts';
import { boundResult } from './response-size.ts';
import { chargeOf, endOnError, withFreshLoaders, withLoadersOf } from './subscribe.ts';
import type { LimitTime } from './time-limit.ts';
import { createUpdateConsumers } from './update-consumer.ts';
import { createMarkLookUp, toMarkedPayload } from './viewer-marks.ts';

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
  const createConsumer = createUpdateConsumers({ audiences, limitTime, toPayload });

  async function subscribe(args: Prepared): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const source = await limitTime(args, async (limited) => {
      await admit(limited, options);
      return openSource(limited);
    });
    if (!isAsyncIterable(source)) return masked(source);
    if (isLiveStream(source)) {
      const select = selectionFor(args, (item) => item);
      return endOnError(source, () => audiences.serve(source, select.of(source.source.channelId), args.sink));
    }
    if (isUpdateSubscription(source)) return endOnError(source, () => serveUpdates(source, { ...args }));
    const onEnd = endOnError(source, () => audiences.charge(chargeOf(args)));
    const kept = { ...args };
    const execute = (event: unknown) =>
      limitTime(withFreshLoaders(kept, event), (fresh) => executeOperation(fresh, event));
    return mapStream(source, { map: async (event) => masked(await execute(event)), onEnd });
  }

  function serveUpdates(source: UpdateSubscription, args: Prepared): Stream<never> {
    const { of, key } = selectionFor(args, (entry) => toUpdate(entry as Entry));
    const takeBack = audiences.charge(chargeOf(args));
    const sink = { ...args.sink, cursor: source.cursor };
    const selectionOf = (channelId: string) => ({ ...of(channelId), hasCursor: true });
    return source.serve(createConsumer({ args, sink, key, selectionOf }), takeBack);
  }

  /**
   * Returns the selections that audiences execute for all their subscribers; they keep nothing of a single subscriber.
   * @param toEvent returns the event of an item
   */
  function selectionFor(args: Prepared, toEvent: (item: unknown) => unknown) {
    const { schema, document, operationName = null } = args;
    const { domain, viewer } = args.contextValue as Context;
    const sharing = analyse(schema, document, operationName);
    const variableValues = coerce(args);
    const canonical = canonicalSelection({ schema, document, operationName, variables: variableValues });
    const key = selectionKey(sharing, canonical, variableValues, viewer?.sessionId ?? '');
    const charge = chargeOf(args);
    const own = args.contextValue;
    const make = (channelId: string) => {
      const contextValue = sharing.isShareable ? createMemberContext(domain, channelId) : own;
      return makeWith({ schema, document, operationName, variableValues, contextValue }, toEvent);
    };
    return {
      key,
      of: (channelId: string): Selection => ({
        ...charge,
        key,
        lookUp: createMarkLookUp(domain.reactions),
        make: () => make(channelId),
      }),
    };
  }

  function makeWith(args: ExecutionArgs, toEvent: (item: unknown) => unknown): MakePayloads<unknown> {
    const { domain } = args.contextValue as Context;
    return async (items, viewer, round) => {
      const own = viewer ? { ...args, contextValue: createViewerContext(domain, viewer as Viewer) } : args;
      const events = items.map(toEvent);
      const marks: NonNullable<Context['marks']> = [];
      const results = await limitTime(withMarks(withLoadersOf(round, own), marks), (given) =>
        executeOver(given, events),
      );
      if (!Array.isArray(results) || results.some(({ errors }) => hasUnavailable(errors))) {
        round.hasFailed = true;
        return null;
      }
      if (marks.length === 0) return results.map(toPayload);
      return results.map((result, n) =>
        toMarkedPayload(
          format(result),
          marks.filter(({ entry }) => entry === items[n]),
        ),
      );
    };
  }

  function toPayload(result: ExecutionResult): Buffer {
    return Buffer.from(JSON.stringify(format(result)));
  }

  function format(result: ExecutionResult): FormattedExecutionResult {
    return withoutLocations(masked(result));
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

/** Collects the values that depend on the viewer, if the result is made for several viewers. */
function withMarks(args: ExecutionArgs, marks: NonNullable<Context['marks']>): ExecutionArgs {
  const context = args.contextValue as Context;
  return context.memberOf === undefined ? args : { ...args, contextValue: { ...context, marks } };
}

/** Returns the event of a message in a stream of updates, whose cursor is filled in for each subscriber. */
function toUpdate(entry: Entry) {
  return { event: { type: 'message', entry } satisfies ShownEvent, cursor: cursorPlaceholder };
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
