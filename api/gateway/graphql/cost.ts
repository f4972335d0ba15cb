import type { IncomingMessage } from 'node:http';
import { type ExecutionArgs, GraphQLError, getOperationAST, Kind, type OperationDefinitionNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { CostBudget } from '../../domain/cost-budget.ts';
import { ParleyError, RateLimitedError, withoutTrace } from '../../errors.ts';
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

/** An operation that is about to begin. */
export interface BegunOperation {
  /** Its name; null if it has none. */
  name: string | null;
  /** Names of the fields at its root, without those in fragments. */
  fields: readonly string[];
}

/** Runs before each operation, which begins when the result resolves. A ParleyError refuses the operation. */
export type BeforeOperation = (operation: BegunOperation) => Promise<void>;

/** Parts that admit operations. */
export interface Admission {
  costBudget: CostBudget;
  beforeOperation?: BeforeOperation | undefined;
}

/** Admits operations over HTTP. @param waitInTime limits the time that their admission may take */
export function createCostPlugin(admission: Admission, waitInTime: WaitInTime): Plugin<Context> {
  const admitInTime = ({ args }: { args: ExecutionArgs }) =>
    waitInTime((args.contextValue as Context).arrivedAt, admit(args, admission));
  return { onExecute: admitInTime, onSubscribe: admitInTime };
}

/**
 * Resolves when an operation may begin: before it queries the database, its price is taken from its client's budget.
 * @throws GraphQLError with BAD_REQUEST if it costs too much, by itself or with the rest of its batch,
 *   with RATE_LIMITED if the budget is used up, or with the code of the error by which `beforeOperation` refuses it
 */
export async function admit(args: ExecutionArgs, { costBudget, beforeOperation }: Admission): Promise<void> {
  const points = rejectCostly(args);
  await beforeOperation?.(describe(args)).catch(refuse);
  try {
    await costBudget.spend(args.contextValue as Context, pointsToPay(args, points));
  } catch (error) {
    throw error instanceof RateLimitedError ? toGraphQL(error) : error;
  }
}

function describe({ document, operationName }: Priced): BegunOperation {
  const operation = getOperationAST(document, operationName);
  const selections = operation?.selectionSet.selections ?? [];
  const fields = selections.flatMap((selection) => (selection.kind === Kind.FIELD ? [selection.name.value] : []));
  return { name: operation?.name?.value ?? null, fields };
}

/** The original error tells the transport whether the failure is temporary. */
function refuse(error: unknown): never {
  if (!(error instanceof ParleyError)) throw error;
  const { message, code, extensions } = error;
  throw new GraphQLError(message, { originalError: error, extensions: { ...extensions, code } });
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
