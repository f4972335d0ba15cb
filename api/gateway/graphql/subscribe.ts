import type { ExecutionArgs, ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { createLoaders, createRoundLoaders } from '../../../schema/loaders.ts';
import { mapStream, type Stream } from '../../live/stream.ts';
import { roundOf } from '../../rounds.ts';
import { executeOperation, openSource } from './execute.ts';
import type { LimitTime } from './time-limit.ts';

/**
 * Returns the arguments to execute one event with: its loaders are new, so that they have cached nothing older.
 * @param event executions over the events of one round share their loaders
 */
export function withFreshLoaders(args: ExecutionArgs, event?: unknown): ExecutionArgs {
  const context = args.contextValue as Context;
  const { domain, viewer } = context;
  const round = roundOf(event);
  const loaders = round ? createRoundLoaders(domain, viewer, round) : createLoaders(domain, viewer);
  return { ...args, contextValue: { ...context, loaders } };
}

/** Executes a subscription's selection over one of its events. */
export async function executeEvent(args: ExecutionArgs, event: unknown): Promise<ExecutionResult> {
  return executeOperation({ ...args, rootValue: event });
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
    map: (event) => limitTime(withFreshLoaders(args, event), (fresh) => executeEvent(fresh, event)),
  });
}
