import type { ExecutionArgs, ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { createLoaders } from '../../../schema/loaders.ts';
import { mapStream, type Stream } from '../../live/stream.ts';
import { executeOperation, openSource } from './execute.ts';

/** Returns the arguments to execute one event with: its loaders are new, so that they have cached nothing older. */
export function withFreshLoaders(args: ExecutionArgs): ExecutionArgs {
  const context = args.contextValue as Context;
  return { ...args, contextValue: { ...context, loaders: createLoaders(context.domain, context.viewer) } };
}

/** Executes a subscription's selection over one of its events. */
export async function executeEvent(args: ExecutionArgs, event: unknown): Promise<ExecutionResult> {
  return executeOperation({ ...args, rootValue: event });
}

/** Subscribes, and returns a stream of one result for each event, executed when the reader asks for it. */
export async function subscribe(args: ExecutionArgs): Promise<Stream<ExecutionResult> | ExecutionResult> {
  const source = await openSource(args);
  if (!isAsyncIterable(source)) return source;
  return mapStream(source, { map: (event) => executeEvent(withFreshLoaders(args), event) });
}
