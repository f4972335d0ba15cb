import {
  type GraphQLInputType,
  type GraphQLNamedInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { Random } from './random.ts';

/** Ids that an operation may name, by type. */
export type Ids = Readonly<Record<string, readonly string[]>>;

const texts = [
  '',
  ' ',
  'Hello',
  'a',
  'ad',
  'a'.repeat(51),
  'a'.repeat(2_049),
  'a'.repeat(5_000),
  '\u0000',
  '\u202Eevil',
  'e\u0301'.repeat(60),
  '\uD800',
  '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}',
  "'; DROP TABLE users; --",
  "' OR '1'='1",
  '%',
  '_%\\',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '{{7*7}}',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'null',
  '1e999',
  'ada@example.org',
  'e\u0301@example.org',
  '{"a":1}',
  'MQ==',
  '2026-11-23T12:00:00.000Z',
];
const numbers = [0, 1, 2, 3, -1, 100, 101, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 1.5, 1e300];
const others: readonly unknown[] = [
  null,
  true,
  [],
  {},
  [[1]],
  { a: 1 },
  '',
  0,
  -1,
  [null],
  JSON.parse('{"__proto__":null}'),
];

/** Returns a value for an argument: mostly of its type, with hostile content, sometimes of another type. */
export function hostileValue(random: Random, type: GraphQLInputType, name: string, ids: Ids): unknown {
  if (random.chance(0.04)) return random.pick(others);
  if (isNonNullType(type)) return valueFor(random, type.ofType as GraphQLInputType, name, ids);
  return random.chance(0.08) ? null : valueFor(random, type, name, ids);
}

function valueFor(random: Random, type: GraphQLInputType, name: string, ids: Ids): unknown {
  if (isNonNullType(type)) return valueFor(random, type.ofType as GraphQLInputType, name, ids);
  if (isListType(type)) {
    const length = random.chance(0.03) ? 101 : random.int(4);
    return Array.from({ length }, () => hostileValue(random, type.ofType as GraphQLInputType, name, ids));
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || random.chance(0.6));
    return Object.fromEntries(fields.map((field) => [field.name, hostileValue(random, field.type, field.name, ids)]));
  }
  if (isEnumType(type)) return random.pick([...type.getValues().map((value) => value.name), 'ADMIN']);
  return scalarOf(random, type, name, ids);
}

function scalarOf(random: Random, { name: type }: GraphQLNamedInputType, name: string, ids: Ids): unknown {
  if (type === 'ID') return idFor(random, name, ids);
  if (type === 'Boolean') return random.chance(0.5);
  if (type === 'Int')
    return /^(first|last)$/.test(name) && random.chance(0.9) ? 1 + random.int(3) : random.pick(numbers);
  return random.pick(texts);
}

/** Returns an id, mostly of the type that the argument's name tells. */
function idFor(random: Random, name: string, ids: Ids): string {
  if (random.chance(0.05)) return random.pick(texts);
  const type = /^(channel|user|message|attachment|avatar|replyTo|around)/.exec(name)?.[1] ?? '';
  const known: Record<string, string> = {
    channel: 'Channel',
    user: 'User',
    message: 'Message',
    replyTo: 'Message',
    around: 'Message',
  };
  const kind = known[type] ?? (type ? 'Attachment' : random.pick(Object.keys(ids)));
  return random.pick(ids[random.chance(0.9) ? kind : random.pick(Object.keys(ids))] ?? texts);
}
