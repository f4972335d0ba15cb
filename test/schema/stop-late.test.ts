import { type GraphQLResolveInfo, getNamedType, isCompositeType, isIntrospectionType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import type { Context } from '../../schema/context.ts';
import { schema } from '../../schema/index.ts';

test('no resolver of an object, or of a field with arguments or a cost, begins in an execution that is over', async () => {
  const context = { execution: { isOver: true } } as Context;
  const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !isIntrospectionType(type));
  const fields = types.flatMap((type) => (isObjectType(type) ? Object.values(type.getFields()) : []));
  const costly = fields.filter(
    ({ type, args, extensions, resolve }) =>
      resolve && (args.length > 0 || isCompositeType(getNamedType(type)) || 'cost' in extensions),
  );
  expect(costly.length).toBeGreaterThan(50);
  for (const { resolve } of costly) {
    expect(() => resolve?.({}, {}, context, {} as GraphQLResolveInfo)).toThrow('took too long');
  }
});
