import { type GraphQLInputField, type GraphQLSchema, getNamedType, isInputObjectType, isObjectType } from 'graphql';
import type { TextKind } from '../api/text/text-kinds.ts';
import type { Bounds } from './bounds.ts';

/**
 * Returns every String among the arguments and input fields of a schema, in order of name, with the kind that it declares.
 * @returns names such as `GuestInput.name` and `Mutation.updateRoom(name:)`; the kind is undefined if none is declared
 */
export function textArguments(schema: GraphQLSchema): { name: string; kind: TextKind | undefined }[] {
  const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));
  const inputs = types.filter(isInputObjectType).flatMap((type) => named(`${type.name}.`, type.getFields()));
  const fields = types
    .filter(isObjectType)
    .flatMap((type) =>
      Object.values(type.getFields()).map((field) => ({ owner: `${type.name}.${field.name}`, field })),
    );
  const args = fields.flatMap(({ owner, field }) =>
    field.args.map((argument) => ({ name: `${owner}(${argument.name}:)`, argument })),
  );
  return [...inputs, ...args]
    .filter(({ argument }) => getNamedType(argument.type).name === 'String')
    .map(({ name, argument }) => ({ name, kind: (argument.extensions as Bounds).text }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function named(prefix: string, fields: Readonly<Record<string, GraphQLInputField>>) {
  return Object.values(fields).map((argument) => ({ name: prefix + argument.name, argument }));
}
