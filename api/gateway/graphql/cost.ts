import type { IncomingMessage } from 'node:http';
import { type ExecutionArgs, GraphQLError, getOperationAST, type OperationDefinitionNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { CostBudget } from '../../domain/cost-budget.ts';
import { RateLimitedError, withoutTrace } from '../../errors.ts';
import { maxCost, maxEventCost } from '../request-limits.ts';
import { type Priced, priceOf } from './price.ts';
import type { RequestContext } from './server-context.ts';
import type { WaitInTime } from './time-limit.ts';

/** Points of the operations that each HTTP request has begun: those of a batch are added up. */
const pointsOfRequests = new WeakMap<IncomingMessage, number>();

/** Prices of operations that do not depend on variables. */
const fixedPrices = new WeakMap<OperationDefinitionNode, number>();

/** Points of a mutation that the budget does not pay: mutations have rates of their own. */
const freePoints = 25;

/** Minimum price of opening a subscription, which costs its audience and a place among the operations of a socket. */
const openingPoints = 20;

/** Admits operations over HTTP. @param waitInTime limits the time that their budget may take */
export function createCostPlugin(budget: CostBudget, waitInTime: WaitInTime): Plugin<Context> {
  const admitInTime = ({ args }: { args: ExecutionArgs }) =>
    waitInTime((args.contextValue as Context).arrivedAt, admit(args, budget));
  return { onExecute: admitInTime, onSubscribe: admitInTime };
}

/**
 * Resolves when an operation may begin: before it queries the database, its price is taken from its client's budget.
 * @throws GraphQLError with BAD_REQUEST if it costs too much, by itself or with the rest of its batch,
 *   or with RATE_LIMITED if the budget is used up
 */
export async function admit(args: ExecutionArgs, budget: CostBudget): Promise<void> {
  const points = rejectCostly(args);
  try {
    await budget.spend(args.contextValue as Context, pointsToPay(args, points));
  } catch (error) {
    throw error instanceof RateLimitedError ? toGraphQL(error) : error;
  }
}

function pointsToPay(args: ExecutionArgs, points: number): number {
  const kind = kindOf(args);
  if (kind === 'subscription') return Math.max(points, openingPoints);
  return kind === 'mutation' ? points - freePoints : points;
}

/** Yoga takes other errors that are thrown before execution for its own failure. */
export function toGraphQL({ message, code, extensions }: RateLimitedError): GraphQLError {
  return withoutTrace(() => new GraphQLError(message, { extensions: { ...extensions, code } }));
}

/** Returns the price of an operation, unless it is above the maximum together with those of its HTTP request before it. */
function rejectCostly(args: Priced & Pick<ExecutionArgs, 'contextValue'>): number {
  const points = cachedPriceOf(args);
  const { req } = (args.contextValue ?? {}) as Partial<RequestContext>;
  const sum = points + (req ? (pointsOfRequests.get(req) ?? 0) : 0);
  if (req) pointsOfRequests.set(req, sum);
  if (kindOf(args) === 'subscription' && points > maxEventCost)
    throw tooCostly('Each event costs', points, maxEventCost);
  if (sum > maxCost)
    throw tooCostly(sum === points ? 'The operation costs' : 'The operations of this batch cost', sum, maxCost);
  return points;
}

function kindOf({ document, operationName }: Priced) {
  return getOperationAST(document, operationName)?.operation;
}

function tooCostly(subject: string, points: number, limit: number): GraphQLError {
  const message = `${subject} ${points} points; the maximum is ${limit}. Request smaller pages or fewer fields.`;
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', limit } });
}

/** Returns the price of an operation in points; 0 if the document has no such operation, which is then an error. */
export function cachedPriceOf(priced: Priced): number {
  const operation = getOperationAST(priced.document, priced.operationName);
  if (!operation) return 0;
  const present = fixedPrices.get(operation);
  if (present !== undefined) return present;
  const { points, isFixed } = priceOf(priced);
  if (isFixed) fixedPrices.set(operation, points);
  return points;
}
