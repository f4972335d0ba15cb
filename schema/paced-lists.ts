import {
  type GraphQLField,
  type GraphQLSchema,
  getNullableType,
  isIntrospectionType,
  isListType,
  isObjectType,
} from 'graphql';
import type { Pacer } from '../api/pacer.ts';
import type { Context } from './context.ts';

/** Number of items that are executed together. */
const partLength = 10;

/**
 * Makes the items of lists be executed in parts where the context has a pacer, so that a long result does not keep the event
 * loop busy: the executor would complete all of them in one turn.
 * @returns the same schema, its lists wrapped
 */
export function paceLists(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields())) if (isListType(getNullableType(field.type))) pace(field);
  }
  return schema;
}

function pace(field: GraphQLField<unknown, Context>): void {
  const { resolve } = field;
  if (resolve === undefined) return;
  field.resolve = (source, args, context, info) => {
    const list: unknown = resolve(source, args, context, info);
    const { pacer } = context;
    if (pacer === undefined) return list;
    return list instanceof Promise ? list.then((items: unknown) => inParts(items, pacer)) : inParts(list, pacer);
  };
}

/** Returns the items, those that must wait as promises: the executor completes each when it resolves. */
function inParts(items: unknown, pacer: Pacer): unknown {
  if (!Array.isArray(items)) return items;
  let turn = pacer.enter();
  return items.map((item: unknown, n) => {
    if (n > 0 && n % partLength === 0) turn = pacer.wait();
    return turn === null ? item : turn.then(() => item);
  });
}
