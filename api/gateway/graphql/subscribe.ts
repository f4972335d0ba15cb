import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { createLoaders } from '../../../schema/loaders.ts';
import { mapStream, type Stream } from '../../live/stream.ts';
import type { LimitTime } from './time-limit.ts';

/**
 * Runs the `subscribe` resolver of a subscription.
 * @param args must be those of a valid subscription
 * @returns its events, or a result with the errors that prevented it
 */
export async function openSource(args: ExecutionArgs): Promise<AsyncIterable<unknown> | ExecutionResult> {
  return createSourceEventStream(args) as Promise<AsyncIterable<unknown> | ExecutionResult>;
}

/** Returns the arguments to execute one event with: its loaders are new, so that they have cached nothing older. */
export function withFreshLoaders(args: ExecutionArgs): ExecutionArgs {
  const context = args.contextValue as Context;
  return { ...args, contextValue: { ...context, loaders: createLoaders(context.domain, context.viewer) } };
}

/** Executes a subscription's selection over one of its events. */
export async function executeEvent(args: ExecutionArgs, event: unknown): Promise<ExecutionResult> {
  return execute({ ...args, rootValue: event });
}

/**
 * Subscribes, and returns a stream of one result for each event, executed when the reader asks for it.
 * @param limitTime limits the time to subscribe, and that of each event
 */
export async function subscribe(
  args: ExecutionArgs,
  limitTime: LimitTime,
): Promise<Stream<ExecutionResult> | ExecutionResult> {
  const source = await limitTime(args, openSource);
  if (!isAsyncIterable(source)) return source;
  return mapStream(source, {
    map: (event) => limitTime(withFreshLoaders(args), (fresh) => executeEvent(fresh, event)),
  });
}
