import { type GraphQLSchema, isObjectType } from 'graphql';
import { shareable } from './builder.ts';
import { encodeId, type NodeType } from './ids.ts';

/** Field extension of the ids of nodes: returns the UUIDs of an object, as `encodeId` takes them. */
const uuidsOf = 'uuidsOf';

/**
 * Returns the options of the field `id` of a node type.
 * @param read returns the UUID of an object; for a Membership the channel's and the user's, separated by a colon
 */
export function nodeId<Source>(read: (source: Source) => string) {
  return { resolve: read, extensions: { ...shareable, [uuidsOf]: read } };
}

/**
 * Resolves the ids of nodes at once. The plugin's own resolvers return promises, and with one of them a result is a promise:
 * live delivery, whose executions need nothing else, would wait for it.
 * @returns the same schema
 */
export function resolveIdsAtOnce(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    const field = isObjectType(type) ? type.getFields()['id'] : undefined;
    const read = field?.extensions[uuidsOf] as ((source: unknown) => string) | undefined;
    if (field && read) field.resolve = (source) => encodeId(type.name as NodeType, read(source));
  }
  return schema;
}
