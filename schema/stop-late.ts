import {
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isIntrospectionType,
  isObjectType,
} from 'graphql';
import { UnavailableError } from '../api/errors.ts';
import type { Context } from './context.ts';

/**
 * Keeps the resolvers of an execution that is over from beginning. Leaf values without arguments, which cost nothing, are
 * resolved as before.
 * @returns the same schema, its resolvers wrapped
 */
export function stopLate(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields())) if (mayCost(field)) checkFirst(field);
  }
  return schema;
}

function mayCost({ type, args, extensions }: GraphQLField<unknown, unknown>): boolean {
  return args.length > 0 || isCompositeType(getNamedType(type)) || extensions['cost'] !== undefined;
}

function checkFirst(field: GraphQLField<unknown, Context>): void {
  const { resolve } = field;
  if (resolve === undefined) return;
  field.resolve = (source, args, context, info) => {
    if (context.execution?.isOver) throw new UnavailableError('The operation took too long: try again.');
    return resolve(source, args, context, info);
  };
}
