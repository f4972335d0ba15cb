import type { ExecutionArgs, ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { createChannelLoaders, createListLoaders, createLoaders, type Loaders } from '../../../schema/loaders.ts';
import { addressGroup } from '../../address.ts';
import type { LiveUpdate } from '../../domain/updates/live-update.ts';
import { isUpdateSubscription, type UpdateSubscription } from '../../domain/updates/update-subscription.ts';
import { RateLimitedError, UnavailableError } from '../../errors.ts';
import { listRoundOf } from '../../list-round.ts';
import type { Audiences } from '../../live/audiences.ts';
import type { ExecutionRound } from '../../live/execution-rounds.ts';
import type { Charge } from '../../live/live-points.ts';
import { type LiveSource, maxExecutions, type Positioned } from '../../live/live-source.ts';
import { isLiveStream, type LiveStream } from '../../live/live-stream.ts';
import { leftOut, mapStream, type Stream } from '../../live/stream.ts';
import { cachedPriceOf, toGraphQL } from './cost.ts';
import { hasUnavailable, isGone } from './errors.ts';
import { executeOperation, openSource } from './execute.ts';
import type { RequestContext } from './server-context.ts';
import type { LimitTime } from './time-limit.ts';

/**
 * Returns the arguments to execute one event with: its loaders are new, so that they have cached nothing older, and its time
 * is limited from now on.
 * @param event executions over the events of one list round share their loaders
 */
export function withFreshLoaders(args: ExecutionArgs, event: unknown): ExecutionArgs {
  const context = args.contextValue as Context;
  const { domain, viewer } = context;
  const round = listRoundOf(event);
  const loaders = round ? createListLoaders(domain, viewer, round) : createLoaders(domain, viewer);
  return { ...args, contextValue: { ...context, loaders, arrivedAt: performance.now() } };
}

/**
 * Returns the arguments to execute items of an execution round with. Executions of the round share their loaders, whose keys
 * name the viewer where values depend on it, and the time of each is limited from now on.
 */
export function withLoadersOf(round: ExecutionRound, args: ExecutionArgs): ExecutionArgs {
  const context = args.contextValue as Context;
  const { domain, viewer } = context;
  round.shared ??= createChannelLoaders(domain, round.channelId);
  const shared = round.shared as Loaders;
  const loaders = viewer === null ? shared : createLoaders(domain, viewer, shared);
  return { ...args, contextValue: { ...context, loaders, arrivedAt: performance.now() } };
}

/**
 * Subscribes, and returns a stream of one result for each event, executed when the reader asks for it. Events of live sources
 * are executed in turn with those of audiences, and cost points as these do; other events cost points of the client alone.
 * @param options.limitTime limits the time to subscribe, and that of each event
 * @throws GraphQLError with RATE_LIMITED if the events would cost too many points
 */
export async function subscribe(
  args: ExecutionArgs,
  { audiences, limitTime }: { audiences: Audiences; limitTime: LimitTime },
): Promise<Stream<ExecutionResult> | ExecutionResult> {
  const source = await limitTime(args, openSource);
  if (!isAsyncIterable(source)) return source;
  if (isLiveStream(source)) return subscribeLive(args, source, { audiences, limitTime });
  if (isUpdateSubscription(source)) return subscribeUpdates(args, source, { audiences, limitTime });
  return mapStream(source, {
    map: async (event) => limitTime(withFreshLoaders(args, event), (fresh) => executeOperation(fresh, event)),
    onEnd: endOnError(source, () => audiences.charge(chargeOf(args))),
  });
}

function subscribeLive(
  args: ExecutionArgs,
  stream: LiveStream<Positioned>,
  { audiences, limitTime }: { audiences: Audiences; limitTime: LimitTime },
): Stream<ExecutionResult> {
  const { source } = stream;
  const cursor = cursorOf(args, source);
  if (cursor) cursor.position = stream.reader.position;
  const { run, release } = endOnError(stream, () => audiences.serveAlone(source, chargeOf(args)));
  const execute = async (event: Positioned, round: ExecutionRound) => {
    const result = await limitTime(withLoadersOf(round, args), (own) => executeOperation(own, event));
    if (hasUnavailable(result.errors)) round.hasFailed = true;
    return result;
  };
  const map = async (event: Positioned) => {
    for (let executions = 1; ; executions++) {
      const version = source.version();
      const result = await run(event.position, (round) => execute(event, round));
      if (!isCurrent(source, event, version)) return leftOut;
      if (source.version() !== version && executions < maxExecutions) continue;
      // An event whose execution failed for the moment is not delivered: its reader resumes before it.
      if (cursor && !hasUnavailable(result.errors)) cursor.position = event.position;
      return result;
    }
  };
  return mapStream(stream, { map, onEnd: release });
}

/** Returns the cursor of a subscription; none for signals, which cannot be resumed, or if the operation did not come over HTTP. */
function cursorOf(args: ExecutionArgs, { kind }: LiveSource<Positioned>) {
  return kind === 'signal' ? undefined : (args.contextValue as Partial<RequestContext>).cursor;
}

/** Executes each update for this subscriber alone, when the reader asks for it. */
function subscribeUpdates(
  args: ExecutionArgs,
  source: UpdateSubscription,
  { audiences, limitTime }: { audiences: Audiences; limitTime: LimitTime },
): Stream<ExecutionResult> {
  // Absent if the operation did not come over HTTP.
  const { cursor } = args.contextValue as Partial<RequestContext>;
  const map = async (update: LiveUpdate) => {
    const result = await limitTime(withFreshLoaders(args, update), (fresh) => executeOperation(fresh, update));
    if (update.isCurrent?.() === false || isGone(result)) return leftOut;
    if (cursor && !hasUnavailable(result.errors)) cursor.position = update.cursor;
    return result;
  };
  return mapStream(source, { map, onEnd: endOnError(source, () => audiences.charge(chargeOf(args))) });
}

/**
 * Returns whether no later state, which follows, has replaced an item while it waited for its turn and its execution.
 * @throws UnavailableError if the source no longer knows: the subscriber must resume
 */
function isCurrent(source: LiveSource<Positioned>, item: Positioned, version: number): boolean {
  const current = source.current([item], version);
  if (current === null) throw new UnavailableError('Too many messages changed meanwhile: subscribe again.');
  return current.length > 0;
}

/** Calls a function that takes over a stream; if it throws, the stream is ended. */
export function endOnError<Result>(stream: AsyncIterable<unknown>, takeOver: () => Result): Result {
  try {
    return takeOver();
  } catch (error) {
    void stream[Symbol.asyncIterator]().return?.();
    throw error instanceof RateLimitedError ? toGraphQL(error) : error;
  }
}

/** Returns the client of a subscription and the price of its events. */
export function chargeOf(args: ExecutionArgs): Charge {
  const { viewer, address } = args.contextValue as Context;
  return { client: viewer?.userId ?? addressGroup(address), points: cachedPriceOf(args) };
}
