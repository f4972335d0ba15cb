import type { IncomingMessage } from 'node:http';
import { type DocumentNode, type ExecutionArgs, GraphQLError, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { CostBudget } from '../../domain/cost-budget.ts';
import { RateLimitedError } from '../../errors.ts';
import { maxCost } from '../request-limits.ts';
import { type Priced, priceOf } from './price.ts';
import type { RequestContext } from './server-context.ts';

/** Points of the operations that each HTTP request has begun: those of a batch are added up. */
const pointsOfRequests = new WeakMap<IncomingMessage, number>();

/** Prices of operations that do not depend on variables. */
const fixedPrices = new WeakMap<DocumentNode, Map<string, number>>();

/** Points of a mutation, or of opening a subscription, that the budget does not pay: these have rates of their own. */
const freePoints = 100;

/** Admits operations over HTTP. */
export function createCostPlugin(budget: CostBudget): Plugin<Context> {
  return {
    onExecute: ({ args }) => admit(args, budget),
    onSubscribe: ({ args }) => admit(args, budget),
  };
}

/**
 * Resolves when an operation may begin: before it queries the database, its price is taken from its client's budget.
 * @throws GraphQLError with BAD_REQUEST if it costs too much, by itself or with the rest of its batch,
 *   or with RATE_LIMITED if the budget is used up
 */
export async function admit(args: ExecutionArgs, budget: CostBudget): Promise<void> {
  const points = rejectCostly(args);
  const isQuery = getOperationAST(args.document, args.operationName)?.operation === 'query';
  try {
    await budget.spend(args.contextValue as Context, isQuery ? points : points - freePoints);
  } catch (error) {
    throw error instanceof RateLimitedError ? toGraphQL(error) : error;
  }
}

/** Yoga takes other errors that are thrown before execution for its own failure. */
export function toGraphQL({ message, code, extensions }: RateLimitedError): GraphQLError {
  return new GraphQLError(message, { extensions: { ...extensions, code } });
}

/** Returns the price of an operation, unless it is above the maximum together with those of its HTTP request before it. */
function rejectCostly(args: Priced & Pick<ExecutionArgs, 'contextValue'>): number {
  const points = cachedPriceOf(args);
  const { req } = (args.contextValue ?? {}) as Partial<RequestContext>;
  const sum = points + (req ? (pointsOfRequests.get(req) ?? 0) : 0);
  if (req) pointsOfRequests.set(req, sum);
  if (sum <= maxCost) return points;
  const subject = sum === points ? 'The operation costs' : 'The operations of this batch cost';
  const message = `${subject} ${sum} points; the maximum is ${maxCost}. Request smaller pages or fewer fields.`;
  throw new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', limit: maxCost } });
}

/** Returns the price of an operation in points. */
export function cachedPriceOf(operation: Priced): number {
  const { document, operationName } = operation;
  const present = fixedPrices.get(document)?.get(operationName ?? '');
  if (present !== undefined) return present;
  const { points, isFixed } = priceOf(operation);
  if (isFixed) keep(document, operationName ?? '', points);
  return points;
}

function keep(document: DocumentNode, operationName: string, points: number): void {
  const prices = fixedPrices.get(document) ?? new Map<string, number>();
  fixedPrices.set(document, prices.set(operationName, points));
}
