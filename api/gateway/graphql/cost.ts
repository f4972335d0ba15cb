import {
  BREAK,
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLField,
  getNullableType,
  isCompositeType,
  isListType,
  visit,
} from 'graphql';
import { type ComplexityEstimator, getComplexity } from 'graphql-query-complexity';
import type { Plugin } from 'graphql-yoga';
import { defaultPageSize, maxPageSize } from '../../../schema/pages.ts';
import { maxObjects } from '../request-limits.ts';

/** Assumed length of a list without pagination. */
const assumedListLength = 10;

/** Rejects an operation that could return too many objects before it queries the database. */
export const costPlugin: Plugin = {
  onExecute: ({ args }) => rejectCostly(args),
  onSubscribe: ({ args }) => rejectCostly(args),
};

type Operation = Partial<Pick<ExecutionArgs, 'operationName' | 'variableValues'>> &
  Pick<ExecutionArgs, 'schema' | 'document'>;

/** Costs of operations without pages or conditions, which do not depend on variables. */
const fixedCosts = new WeakMap<DocumentNode, Map<string, number>>();

/**
 * Estimates the number of objects that an operation returns from its page sizes.
 * @throws GraphQLError with BAD_REQUEST if it is above `maxObjects`
 */
export function rejectCostly(operation: Operation): void {
  const cost = fixedCosts.get(operation.document)?.get(operation.operationName ?? '') ?? costOf(operation);
  if (cost <= maxObjects) return;
  const message = `The operation could return ${cost} objects; the maximum is ${maxObjects}. Request smaller pages or fewer nested ones.`;
  throw new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', limit: maxObjects } });
}

/** Invalid variables cost nothing: execution reports them. */
function costOf({ schema, document, operationName, variableValues }: Operation): number {
  let isFixed = true;
  const watch: ComplexityEstimator = ({ field }) => {
    if (hasPages(field)) isFixed = false;
  };
  try {
    const cost = getComplexity({
      schema,
      query: document,
      ...(operationName ? { operationName } : {}),
      variables: variableValues ?? {},
      estimators: [watch, countObjects],
    });
    if (isFixed && !hasConditions(document)) keep(document, operationName, cost);
    return cost;
  } catch (error) {
    if (error instanceof GraphQLError) return 0;
    throw error;
  }
}

function keep(document: DocumentNode, operationName: string | null | undefined, cost: number): void {
  const costs = fixedCosts.get(document) ?? new Map<string, number>();
  fixedCosts.set(document, costs.set(operationName ?? '', cost));
}

/** Whether directives may leave out fields or fragments. */
function hasConditions(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Directive() {
      found = true;
      return BREAK;
    },
  });
  return found;
}

function hasPages({ args }: GraphQLField<unknown, unknown>): boolean {
  return args.some(({ name }) => name === 'first');
}

/** Counts an object as one plus its children, and a page as its size times its children. Leaf values and introspection are free. */
const countObjects: ComplexityEstimator = ({ type, field, args, childComplexity }) => {
  if (type.name.startsWith('__') || field.name.startsWith('__')) return 0;
  const fieldType = getNullableType(field.type);
  if (hasPages(field)) return Math.max(1, pageSizeOf(args) * childComplexity);
  if (isListType(fieldType)) return (isPage(type.name) ? 1 : assumedListLength) * (1 + childComplexity);
  return isCompositeType(fieldType) ? 1 + childComplexity : 0;
};

function pageSizeOf({ first, last }: { first?: number | null; last?: number | null }): number {
  return Math.min(Math.max(first ?? last ?? defaultPageSize, 0), maxPageSize);
}

/** The items of a page's lists were already counted with the page. */
function isPage(typeName: string): boolean {
  return /(Connection|Changes)$/.test(typeName);
}
