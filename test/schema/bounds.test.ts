import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { BadUserInputError, TooLargeError } from '../../api/errors.ts';
import { schema } from '../../schema/index.ts';

const limits = { messageBytes: 4_096 };

/** A text, id or list among the arguments of a field. */
interface Place {
  field: GraphQLField<unknown, unknown>;
  name: string;
  /** Names from the argument down to the value. */
  path: string[];
  type: GraphQLInputType;
}

const bounded = new Set(['String', 'ID']);
const unbounded = new Set(['Int', 'Float', 'Boolean', 'Upload']);

function placesOf(
  input: GraphQLArgument | GraphQLInputField,
  above: Omit<Place, 'path' | 'type'>,
  path: string[],
): Place[] {
  const type = getNullableType(input.type);
  const here = [...path, input.name];
  const named = getNamedType(type);
  const own = isListType(type) || bounded.has(named.name) ? [{ ...above, path: here, type }] : [];
  if (!isInputObjectType(named)) return own;
  return [...own, ...Object.values(named.getFields()).flatMap((field) => placesOf(field, above, here))];
}

function everyPlace(): Place[] {
  const types = Object.values(schema.getTypeMap()).filter(
    (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith('__'),
  );
  return types.flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) =>
      field.args.flatMap((argument) => placesOf(argument, { field, name: `${type.name}.${field.name}` }, [])),
    ),
  );
}

/** Calls the resolver that reads the arguments first, and returns the error that it throws, or null. */
async function refusal({ field, path }: Place, value: unknown): Promise<unknown> {
  const args = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  const call = (field.subscribe ?? field.resolve) as (...given: unknown[]) => unknown;
  try {
    await call({}, args, { domain: { limits } }, {});
    return null;
  } catch (error) {
    return error;
  }
}

const places = everyPlace().map((place) => [`${place.name}(${place.path.join('.')})`, place] as const);
const texts = places.filter(([, { type }]) => bounded.has(getNamedType(type).name));
const lists = places.filter(([, { type }]) => isListType(type));

describe('an argument', () => {
  it('has a type whose size is known or bounded', () => {
    const scalars = new Set(
      places.map(([, { type }]) => getNamedType(type)).flatMap((type) => ('parseValue' in type ? [type.name] : [])),
    );
    expect([...scalars].filter((name) => !bounded.has(name) && !unbounded.has(name))).toEqual([]);
    expect(texts.length).toBeGreaterThan(40);
    expect(lists.map(([name]) => name)).toEqual([
      'Mutation.editMessage(mentionIds)',
      'Mutation.match(input.tags)',
      'Mutation.send(input.attachmentIds)',
      'Mutation.send(input.mentionIds)',
    ]);
  });

  it.each(texts)('with a long text is refused before it is read: %s', async (_name, place) => {
    const long = 'é'.repeat(50_000);
    const path = [...place.path, ...(isListType(place.type) ? ['0'] : [])].join('.');
    const error = await refusal(place, isListType(place.type) ? [long] : long);
    if (error instanceof TooLargeError) {
      expect([error.message, error.extensions.limit]).toEqual([expect.stringContaining(`\`${path}\``), 4_096]);
      return;
    }
    expect(error).toBeInstanceOf(BadUserInputError);
    expect((error as BadUserInputError).extensions.fields).toEqual([
      { path, message: expect.stringMatching(/^must be at most (128|1024|2048|4096|8192|16384) bytes$/) },
    ]);
  });

  it.each(lists)('with many items is refused before they are read: %s', async (_name, place) => {
    const error = await refusal(
      place,
      Array.from({ length: 101 }, () => 'x'),
    );
    expect((error as BadUserInputError).extensions.fields).toEqual([
      { path: place.path.join('.'), message: 'must have at most 100 items' },
    ]);
  });

  it('is counted in bytes, and may be as long as its bound', async () => {
    const find = (name: string) => places.find(([found]) => found === name)?.[1] as Place;
    const search = find('Query.users(search)');
    expect(await refusal(search, `${'é'.repeat(512)}x`)).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(await refusal(search, 'é'.repeat(512))).not.toMatchObject({ code: 'BAD_USER_INPUT' });
    const text = find('Mutation.editMessage(text)');
    expect(await refusal(text, 'x'.repeat(4_097))).toMatchObject({ code: 'TOO_LARGE' });
    expect(await refusal(text, 'x'.repeat(4_096))).not.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('names every problem', async () => {
    const [, place] = places.find(([name]) => name === 'Mutation.match(input.tags)') ?? [];
    const long = 'x'.repeat(2_000);
    expect(await refusal(place as Place, ['tea', long, long])).toMatchObject({
      extensions: { fields: [{ path: 'input.tags.1' }, { path: 'input.tags.2' }] },
    });
  });
});
