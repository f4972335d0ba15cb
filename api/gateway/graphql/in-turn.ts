import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql';
import type { Context } from '../../../schema/context.ts';
import { addressGroup } from '../../address.ts';
import { RateLimitedError } from '../../errors.ts';
import { createFairQueue } from '../../fair-queue.ts';
import { createPacer } from '../../pacer.ts';
import { cachedPriceOf, toGraphQL } from './cost.ts';
import { executeOperation } from './execute.ts';

/** Points from which an operation gives way to others while it is executed. */
const pacedPoints = 500;

/** Points from which a query is a large one: more than a client needs for a list with its details. */
const largePoints = 1_500;

/**
 * Large queries of this node: two at once, and one of each client, so that sends and small queries find the database and the
 * event loop free.
 */
const largeQueries = createFairQueue({
  concurrency: 2,
  concurrencyOfKey: 1,
  maxWaiting: 1_000,
  maxWaitingOfKey: 100,
  onFull: () => tooMany('Too many large queries wait: try again when they have ended.'),
});

/** Other queries of this node. One client may not take all the places. */
const smallQueries = createFairQueue({
  concurrency: 100,
  concurrencyOfKey: 5,
  maxWaiting: 10_000,
  maxWaitingOfKey: 200,
  onFull: () => tooMany('Too many queries wait: try again when they have ended.'),
});

/** Long operations of this node take about 1 ms of each turn of the event loop: a send takes several turns. */
const pacer = createPacer({ sliceMs: 1 });

/**
 * Executes an operation. A query waits for its client's turn among those of this node; a long operation gives way to others
 * while it is executed.
 * @throws GraphQLError with RATE_LIMITED if too many queries wait
 */
export async function inTurn(args: ExecutionArgs): Promise<ExecutionResult> {
  const points = cachedPriceOf(args);
  const work = async () => (points >= pacedPoints ? executePaced(args) : executeOperation(args));
  if (getOperationAST(args.document, args.operationName)?.operation !== 'query') return work();
  const { viewer, address } = args.contextValue as Context;
  const client = viewer?.userId ?? addressGroup(address);
  return (points >= largePoints ? largeQueries : smallQueries).run(client, work).catch((error: unknown) => {
    throw error instanceof RateLimitedError ? toGraphQL(error) : error;
  });
}

async function executePaced(args: ExecutionArgs): Promise<ExecutionResult> {
  await pacer.wait();
  return executeOperation({ ...args, contextValue: { ...(args.contextValue as Context), pacer } });
}

/** Clients that are refused at the same time return at different times. */
function tooMany(message: string): RateLimitedError {
  return new RateLimitedError(message, 1_000 + Math.floor(Math.random() * 4_000));
}
