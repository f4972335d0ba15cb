import { type GraphQLSchema, isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';

const cache = new WeakMap<GraphQLSchema, ReadonlyMap<string, number>>();

/**
 * Returns the average number of items in each list of introspection, by `Type.field`. A chain of `ofType` soon ends: each
 * step counts half. `__type` may name the largest type, and counts as many average ones.
 */
export function introspectionFactors(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const present = cache.get(schema) ?? measure(schema);
  cache.set(schema, present);
  return present;
}

function measure(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const types = Object.values(schema.getTypeMap());
  const holders = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fields = holders.flatMap((type) => Object.values(type.getFields()));
  const inputFields = types.filter(isInputObjectType).flatMap((type) => Object.values(type.getFields()));
  const enumValues = types.filter(isEnumType).flatMap((type) => type.getValues());
  const args = fields.flatMap((field) => field.args);
  const implemented = holders.flatMap((type) => type.getInterfaces());
  const directives = schema.getDirectives();
  const mean = (list: readonly unknown[], among: readonly unknown[]) => list.length / Math.max(among.length, 1);
  const largest = Math.max(1, ...holders.map((type) => Object.keys(type.getFields()).length));
  const typeFactor = Math.max(1, largest / Math.max(mean(fields, types), 1));
  const lists = {
    '__Schema.types': types.length,
    '__Schema.directives': directives.length,
    '__Type.fields': mean(fields, types),
    '__Type.inputFields': mean(inputFields, types),
    '__Type.enumValues': mean(enumValues, types),
    '__Type.interfaces': mean(implemented, types),
    '__Type.possibleTypes': mean(implemented, types),
    '__Type.ofType': 0.5,
    '__Field.args': mean(args, fields),
    '__Directive.args': 1,
    '__Directive.locations': 3,
  };
  const root = schema.getQueryType()?.name ?? '';
  return new Map([...Object.entries(lists), [`${root}.__type`, typeFactor]]);
}
