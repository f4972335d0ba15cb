import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql';
import type { Context } from '../../../schema/context.ts';
import { addressGroup } from '../../address.ts';
import { RateLimitedError } from '../../errors.ts';
import { createFairQueue } from '../../fair-queue.ts';
import { createPacer } from '../../pacer.ts';
import { cachedPriceOf, toGraphQL } from './cost.ts';
import { executeOperation } from './execute.ts';

/** Points from which an operation is a large one. */
const largePoints = 500;

/**
 * Large queries of this node: two at once, and one of each client, so that sends and small queries find the database and the
 * event loop free.
 */
const largeQueries = createFairQueue({
  concurrency: 2,
  concurrencyOfKey: 1,
  maxWaiting: 1_000,
  maxWaitingOfKey: 100,
  onFull: () => new RateLimitedError('Too many large queries wait: try again when they have ended.', 1_000),
});

/** Other queries of this node. One client may not take all the places. */
const smallQueries = createFairQueue({
  concurrency: 100,
  concurrencyOfKey: 5,
  maxWaiting: 10_000,
  maxWaitingOfKey: 200,
  onFull: () => new RateLimitedError('Too many queries wait: try again when they have ended.', 1_000),
});

/** Large operations of this node take about 1 ms of each turn of the event loop: a send takes several turns. */
const pacer = createPacer({ sliceMs: 1 });

/**
 * Executes an operation. A query waits for its client's turn among those of this node; a large operation gives way to others
 * while it is executed.
 * @throws GraphQLError with RATE_LIMITED if too many queries wait
 */
export async function inTurn(args: ExecutionArgs): Promise<ExecutionResult> {
  const isLarge = cachedPriceOf(args) >= largePoints;
  const work = async () => (isLarge ? executePaced(args) : executeOperation(args));
  if (getOperationAST(args.document, args.operationName)?.operation !== 'query') return work();
  const { viewer, address } = args.contextValue as Context;
  const client = viewer?.userId ?? addressGroup(address);
  return (isLarge ? largeQueries : smallQueries).run(client, work).catch((error: unknown) => {
    throw error instanceof RateLimitedError ? toGraphQL(error) : error;
  });
}

async function executePaced(args: ExecutionArgs): Promise<ExecutionResult> {
  await pacer.wait();
  return executeOperation({ ...args, contextValue: { ...(args.contextValue as Context), pacer } });
}
