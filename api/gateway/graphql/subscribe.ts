import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { createLoaders } from '../../../schema/loaders.ts';

/**
 * What a subscription follows: an iterable of events, or why there is none.
 * @param args of a subscription that is valid
 */
export async function openSource(args: ExecutionArgs): Promise<AsyncIterable<unknown> | ExecutionResult> {
  return createSourceEventStream(args) as Promise<AsyncIterable<unknown> | ExecutionResult>;
}

/** The arguments of an event's execution: its loaders know of nothing older. */
export function renewed(args: ExecutionArgs): ExecutionArgs {
  const context = args.contextValue as Context;
  return { ...args, contextValue: { ...context, loaders: createLoaders(context.domain, context.viewer) } };
}

/** Executes a subscription's selection over one of its events. */
export async function executeEvent(args: ExecutionArgs, event: unknown): Promise<ExecutionResult> {
  return execute({ ...args, rootValue: event });
}

/** The results of a subscription, one an event, each made when it is asked for. */
export async function subscribe(
  args: ExecutionArgs,
): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> {
  const source = await openSource(args);
  return isAsyncIterable(source) ? mapEvents(source, (event) => executeEvent(renewed(args), event)) : source;
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
