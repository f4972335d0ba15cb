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

/** What a list without pages is taken to hold. */
const usualListLength = 10;

/** Refuses an operation that could answer with too many objects, before anything is asked of the database. */
export const costPlugin: Plugin = {
  onExecute: ({ args }) => refuseCostly(args),
  onSubscribe: ({ args }) => refuseCostly(args),
};

type Operation = Partial<Pick<ExecutionArgs, 'operationName' | 'variableValues'>> &
  Pick<ExecutionArgs, 'schema' | 'document'>;

/** The costs of operations without pages or conditions: the same whatever their variables are. */
const fixedCosts = new WeakMap<DocumentNode, Map<string, number>>();

/** @throws GraphQLError for an operation that could answer with too many objects */
export function refuseCostly(operation: Operation): void {
  const cost = fixedCosts.get(operation.document)?.get(operation.operationName ?? '') ?? costOf(operation);
  if (cost <= maxObjects) return;
  const message = `The operation could answer with ${cost} objects; the most is ${maxObjects}. Ask for smaller pages, or for fewer of them within each other.`;
  throw new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', limit: maxObjects } });
}

/** Variables that do not fit have no cost: executing says what is wrong with them. */
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

/** Whether some of its fields or fragments may be left out. */
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

/** An object is one, with what is below it; a page is its size times what is below it; other values, and the schema's own, are nothing. */
const countObjects: ComplexityEstimator = ({ type, field, args, childComplexity }) => {
  if (type.name.startsWith('__') || field.name.startsWith('__')) return 0;
  const fieldType = getNullableType(field.type);
  if (hasPages(field)) return Math.max(1, pageSizeOf(args) * childComplexity);
  if (isListType(fieldType)) return (isPage(type.name) ? 1 : usualListLength) * (1 + childComplexity);
  return isCompositeType(fieldType) ? 1 + childComplexity : 0;
};

function pageSizeOf({ first, last }: { first?: number | null; last?: number | null }): number {
  return Math.min(Math.max(first ?? last ?? defaultPageSize, 0), maxPageSize);
}

/** Its lists hold what was counted with the page. */
function isPage(typeName: string): boolean {
  return /(Connection|Changes)$/.test(typeName);
}
