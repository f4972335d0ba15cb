import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { createLoaders } from '../../../schema/loaders.ts';

/**
 * Opens the event stream of a subscription.
 * @param args execution arguments of a valid subscription
 * @returns the events, or a result with the errors that kept it from opening
 */
export async function openSource(args: ExecutionArgs): Promise<AsyncIterable<unknown> | ExecutionResult> {
  return createSourceEventStream(args) as Promise<AsyncIterable<unknown> | ExecutionResult>;
}

/** Returns the arguments with fresh loaders, so that an event's execution sees no rows cached before it. */
export function withFreshLoaders(args: ExecutionArgs): ExecutionArgs {
  const context = args.contextValue as Context;
  return { ...args, contextValue: { ...context, loaders: createLoaders(context.domain, context.viewer) } };
}

/** Executes a subscription's selection over one of its events. */
export async function executeEvent(args: ExecutionArgs, event: unknown): Promise<ExecutionResult> {
  return execute({ ...args, rootValue: event });
}

/** Returns the results of a subscription, one per event, each executed when it is pulled. */
export async function subscribe(
  args: ExecutionArgs,
): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> {
  const source = await openSource(args);
  return isAsyncIterable(source) ? mapEvents(source, (event) => executeEvent(withFreshLoaders(args), event)) : source;
}

/** An iterator over what is made of each event; ending it ends the source. */
export function mapEvents<Result>(
  source: AsyncIterable<unknown>,
  make: (event: unknown) => Promise<Result>,
): AsyncIterableIterator<Result> {
  const events = source[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await events.next();
      return done ? { done, value: undefined } : { done: false, value: await make(value) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
