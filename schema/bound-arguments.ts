import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  isIntrospectionType,
  isListType,
  isObjectType,
} from 'graphql';
import { BadUserInputError, type FieldProblem } from '../api/errors.ts';

/** Maximum length of a text in an argument, in bytes of UTF-8, unless the argument has a rule of its own. */
export const maxTextBytes = 2_048;
/** Maximum number of items of a list in an argument. */
export const maxListLength = 100;

/** Extension of an argument or input field whose text is bounded by a rule of its own, such as `MAX_MESSAGE_BYTES`. */
export const longText = { isLongText: true };

type Resolve = NonNullable<GraphQLField<unknown, unknown>['resolve']>;

/**
 * Bounds the arguments of all fields before their resolvers read them, so that no resolver does work that grows with a text
 * of any length.
 * @returns the schema, whose fields reject an argument above `maxTextBytes` or `maxListLength` with BAD_USER_INPUT
 */
export function boundArguments(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields())) if (field.args.length > 0) bound(field);
  }
  return schema;
}

function bound(field: GraphQLField<unknown, unknown>): void {
  const { args } = field;
  if (field.resolve) field.resolve = checkFirst(field.resolve, args);
  if (field.subscribe) field.subscribe = checkFirst(field.subscribe, args);
}

function checkFirst(resolve: Resolve, args: readonly GraphQLArgument[]): Resolve {
  return (root, given, context, info) => {
    const problems = args.flatMap((argument) => problemsOf(argument, given[argument.name], argument.name));
    if (problems.length > 0) throw new BadUserInputError(problems);
    return resolve(root, given, context, info);
  };
}

interface Declared {
  type: GraphQLInputType;
  extensions: Readonly<Record<string, unknown>>;
}

function problemsOf({ type, extensions }: Declared, value: unknown, path: string): FieldProblem[] {
  if (typeof value === 'string') return extensions['isLongText'] ? [] : problemsOfText(value, path);
  const declared = getNullableType(type);
  if (Array.isArray(value) && isListType(declared)) {
    if (value.length > maxListLength) return [{ path, message: `must have at most ${maxListLength} items` }];
    return value.flatMap((item, n) => problemsOf({ type: declared.ofType, extensions }, item, `${path}.${n}`));
  }
  if (!isInputObjectType(declared) || value === null || typeof value !== 'object') return [];
  const fields = value as Record<string, unknown>;
  return Object.values(declared.getFields()).flatMap((field) =>
    problemsOf(field, fields[field.name], `${path}.${field.name}`),
  );
}

function problemsOfText(text: string, path: string): FieldProblem[] {
  // A UTF-16 code unit takes at least one byte of UTF-8, so a long text needs no encoding.
  const isLong = text.length > maxTextBytes || Buffer.byteLength(text) > maxTextBytes;
  return isLong ? [{ path, message: `must be at most ${maxTextBytes} bytes` }] : [];
}
