import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import type { Context } from './context.ts';
import { createLoaders } from './loaders.ts';

/**
 * Gives each root field of a mutation fresh loaders: rows cached by the field before may have changed.
 * @returns the same schema, its mutation resolvers wrapped
 */
export function renewLoaders(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve = defaultFieldResolver } = field;
    field.resolve = (source, args, context: Context, info) => {
      context.loaders = createLoaders(context.domain, context.viewer);
      return resolve(source, args, context, info);
    };
  }
  return schema;
}
