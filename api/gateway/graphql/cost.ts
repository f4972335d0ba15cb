import type { IncomingMessage } from 'node:http';
import { type DocumentNode, type ExecutionArgs, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { maxCost } from '../request-limits.ts';
import { type Priced, priceOf } from './price.ts';
import type { RequestContext } from './server-context.ts';

/** Points of the operations that each HTTP request has begun: those of a batch are added up. */
const pointsOfRequests = new WeakMap<IncomingMessage, number>();

/** Prices of operations that do not depend on variables. */
const fixedPrices = new WeakMap<DocumentNode, Map<string, number>>();

/** Rejects an operation that costs too much, by itself or with the rest of its batch, before it queries the database. */
export const costPlugin: Plugin = {
  onExecute: ({ args }) => void rejectCostly(args),
  onSubscribe: ({ args }) => void rejectCostly(args),
};

/**
 * Prices an operation, together with the operations of the same HTTP request before it.
 * @returns its points
 * @throws GraphQLError with BAD_REQUEST if they are above `maxCost`
 */
export function rejectCostly(args: Priced & Pick<ExecutionArgs, 'contextValue'>): number {
  const points = cachedPriceOf(args);
  const { req } = (args.contextValue ?? {}) as Partial<RequestContext>;
  const sum = points + (req ? (pointsOfRequests.get(req) ?? 0) : 0);
  if (req) pointsOfRequests.set(req, sum);
  if (sum <= maxCost) return points;
  const subject = sum === points ? 'The operation costs' : 'The operations of this batch cost';
  const message = `${subject} ${sum} points; the maximum is ${maxCost}. Request smaller pages or fewer fields.`;
  throw new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', limit: maxCost } });
}

function cachedPriceOf(operation: Priced): number {
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
