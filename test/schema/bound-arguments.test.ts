import { type GraphQLInputType, getNullableType, isInputObjectType, isListType, isScalarType } from 'graphql';
import { expect, test, vi } from 'vitest';
import { nameProblems } from '../../api/domain/account-input.ts';
import { maxListLength, maxTextBytes } from '../../schema/bound-arguments.ts';
import { schema } from '../../schema/index.ts';

/** Fields of the root types with arguments, and the values that a client may send for them. */
const rootFields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  Object.values(type?.getFields() ?? {}).map((field) => ({ label: `${type}.${field.name}`, field })),
);
const texts = new Set(['String', 'ID']);

interface Declared {
  type: GraphQLInputType;
  extensions: Readonly<Record<string, unknown>>;
}

/** Lists the paths below an argument that hold a text or a list, each with a value that is too large there. */
function tooLarge({ type, extensions }: Declared, path: string): { path: string; value: unknown }[] {
  const declared = getNullableType(type);
  if (isListType(declared)) return [{ path, value: Array(maxListLength + 1).fill('x') }];
  if (isInputObjectType(declared))
    return Object.values(declared.getFields()).flatMap((field) =>
      tooLarge(field, `${path}.${field.name}`).map(({ path: below, value }) => ({
        path: below,
        value: { [field.name]: value },
      })),
    );
  const isText = isScalarType(declared) && texts.has(declared.name);
  return isText && !extensions['isLongText'] ? [{ path, value: 'é'.repeat(maxTextBytes / 2 + 1) }] : [];
}

const cases = rootFields.flatMap(({ label, field }) =>
  field.args.flatMap((argument) =>
    tooLarge(argument, argument.name).map(({ path, value }) => ({
      label: `${label}(${path})`,
      field,
      path,
      args: { [argument.name]: value },
    })),
  ),
);

test.each(cases)('$label is refused above its bound, before its resolver runs', ({ field, path, args }) => {
  const run = field.subscribe ?? field.resolve;
  // A resolver that ran would fail otherwise: this context has no domain to call.
  const attempt = async () => run?.(undefined, args, { domain: {}, viewer: null }, {} as never);
  return expect(attempt()).rejects.toMatchObject({ code: 'BAD_USER_INPUT', extensions: { fields: [{ path }] } });
});

test('every text of the API is bounded here, except those of messages', () => {
  expect(cases.length).toBeGreaterThan(40);
  const long = rootFields.flatMap(({ field }) => field.args).filter(({ extensions }) => extensions['isLongText']);
  expect(long.map(({ name }) => name)).toEqual(['text']);
});

test('a long name is refused without being split into graphemes', () => {
  const segment = vi.spyOn(Intl.Segmenter.prototype, 'segment');
  expect(nameProblems('e\u0301'.repeat(50_000), 'name')).toHaveLength(1);
  expect(segment).not.toHaveBeenCalled();
  expect(nameProblems('Ada', 'name')).toEqual([]);
  expect(segment).toHaveBeenCalledOnce();
  segment.mockRestore();
});
