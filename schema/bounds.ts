import {
  defaultFieldResolver,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
} from 'graphql';
import { BadUserInputError, type FieldProblem, TooLargeError } from '../api/errors.ts';
import type { TextKind } from '../api/text/text-kinds.ts';
import type { Context } from './context.ts';
import type { LimitValues } from './domain.ts';

/** Extensions of an argument or input field: the kind of a text, and bounds that replace the defaults. */
export interface Bounds {
  /** Kind of the text, or of each text of the list, by which the domain reads it. Every String has one. */
  text?: TextKind;
  /** Maximum length of each text, in bytes of UTF-8: a number, or the limit of the server with this name. */
  maxBytes?: number | keyof LimitValues;
  /** Maximum number of items of a list. */
  maxItems?: number;
}

/** Maximum length of a text that declares no other, in bytes of UTF-8. */
const defaultTextBytes = 1_024;
/** Maximum length of an id that declares no other, in bytes. Ids of this server have 24 or 46. */
const defaultIdBytes = 128;
/** Maximum number of items of a list that declares no other. */
const defaultItems = 100;

/** Scalars of a fixed size, files, whose streams are bounded while they are read, and custom data, which the domain bounds. */
const fixedSize = new Set(['Int', 'Float', 'Boolean', 'DateTime', 'JSON', 'Upload']);

/** Adds the problems of a value to `problems`. @throws TooLargeError for a text above a limit of the server */
type Check = (value: unknown, path: string, limits: LimitValues, problems: FieldProblem[]) => void;

/**
 * Checks the size of every text and list among the arguments of a schema before its resolvers read them, wherever the value
 * is nested and however it was sent.
 * @returns the same schema, the resolvers of fields with such arguments wrapped: they throw BadUserInputError, or
 * TooLargeError for a text whose bound is a limit of the server
 */
export function boundArguments(schema: GraphQLSchema): GraphQLSchema {
  const inputs = new Map<GraphQLInputObjectType, Check>();
  const subscriptionType = schema.getSubscriptionType();
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) guard(field, type === subscriptionType, inputs);
  }
  return schema;
}

function guard(
  field: GraphQLField<unknown, Context>,
  isSubscription: boolean,
  inputs: Map<GraphQLInputObjectType, Check>,
): void {
  const checks = checksOf(field.args, inputs);
  if (checks.length === 0) return;
  const { subscribe, resolve = defaultFieldResolver } = field;
  if (isSubscription && subscribe) {
    field.subscribe = (source, args, context, info) => {
      requireSmall(checks, args, context.domain.limits);
      return subscribe(source, args, context, info);
    };
    return;
  }
  field.resolve = (source, args, context, info) => {
    requireSmall(checks, args, context.domain.limits);
    return resolve(source, args, context, info);
  };
}

/** Returns the checks of arguments or input fields by name, without those that need none. */
function checksOf(
  fields: readonly (GraphQLArgument | GraphQLInputField)[],
  inputs: Map<GraphQLInputObjectType, Check>,
): [string, Check][] {
  return fields.flatMap(({ name, type, extensions }) => {
    const check = checkOf(type, extensions as Bounds, inputs);
    return check ? [[name, check] as [string, Check]] : [];
  });
}

function checkOf(type: GraphQLInputType, bounds: Bounds, inputs: Map<GraphQLInputObjectType, Check>): Check | null {
  if (isNonNullType(type)) return checkOf(type.ofType, bounds, inputs);
  if (isListType(type)) return checkList(checkOf(type.ofType, bounds, inputs), bounds.maxItems ?? defaultItems);
  if (isInputObjectType(type)) return checkObject(type, inputs);
  if (!isScalarType(type) || fixedSize.has(type.name)) return null;
  return checkText(bounds.maxBytes ?? (type.name === 'ID' ? defaultIdBytes : defaultTextBytes));
}

function checkText(maxBytes: number | keyof LimitValues): Check {
  return (value, path, limits, problems) => {
    if (typeof value !== 'string') return;
    const limit = typeof maxBytes === 'number' ? maxBytes : limits[maxBytes];
    if (value.length * 3 <= limit || Buffer.byteLength(value) <= limit) return;
    const message = `must be at most ${limit} bytes`;
    if (typeof maxBytes === 'string') throw new TooLargeError(`\`${path}\` ${message}. Shorten it.`, limit);
    problems.push({ path, message });
  };
}

function checkList(checkItem: Check | null, maxItems: number): Check {
  return (value, path, limits, problems) => {
    if (!Array.isArray(value)) return;
    if (value.length > maxItems) problems.push({ path, message: `must have at most ${maxItems} items` });
    else for (const [n, item] of value.entries()) checkItem?.(item, `${path}.${n}`, limits, problems);
  };
}

/** Input types can contain themselves: the check is known before its fields are read. */
function checkObject(type: GraphQLInputObjectType, inputs: Map<GraphQLInputObjectType, Check>): Check {
  const present = inputs.get(type);
  if (present) return present;
  let checks: [string, Check][] = [];
  const check: Check = (value, path, limits, problems) => {
    if (typeof value === 'object' && value !== null) checkFields(checks, value, `${path}.`, limits, problems);
  };
  inputs.set(type, check);
  checks = checksOf(Object.values(type.getFields()), inputs);
  return check;
}

function requireSmall(checks: readonly [string, Check][], args: object, limits: LimitValues): void {
  const problems: FieldProblem[] = [];
  checkFields(checks, args, '', limits, problems);
  if (problems.length > 0) throw new BadUserInputError(problems);
}

function checkFields(
  checks: readonly [string, Check][],
  values: object,
  prefix: string,
  limits: LimitValues,
  problems: FieldProblem[],
): void {
  for (const [name, check] of checks) check((values as Record<string, unknown>)[name], prefix + name, limits, problems);
}
