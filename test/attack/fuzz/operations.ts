import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isNonNullType,
  isObjectType,
  type OperationTypeNode,
} from 'graphql';
import type { Random } from './random.ts';
import { hostileValue, type Ids } from './values.ts';

/** Operation with its variables. */
export interface Operation {
  kind: OperationTypeNode;
  query: string;
  variables: Record<string, unknown>;
}

type Field = GraphQLField<unknown, unknown>;

/** Fields of the schema's root that are left out: signing out would turn a viewer into another kind, and no files are sent. */
const leftOut = new Set(['logout', 'upload']);
/** Fields that hash a password, which takes most of a run's time. */
const slow = new Set(['register', 'login', 'changePassword']);
const maxLevels = 4;

/**
 * Generates an operation from the types of a schema: some fields of one root type, with hostile arguments.
 * @param choices.random choices that make the document
 * @param choices.values choices that make the values of its variables
 * @param idsFor ids that a root field may name
 */
export function generateOperation(
  { random, values }: { random: Random; values: Random },
  schema: GraphQLSchema,
  kind: Operation['kind'],
  idsFor: (field: string) => Ids,
): Operation {
  const variables: Record<string, unknown> = {};
  const declared: string[] = [];
  const root = schema.getRootType(kind) as GraphQLObjectType;
  const count = kind === 'query' ? 1 + random.int(2) : 1;
  const fields = Array.from({ length: count }, (_, n) => writeField(pickRoot(root), n, 1, idsFor(root.name)));
  const head = declared.length > 0 ? `(${declared.join(', ')})` : '';
  return { kind, query: spoil(`${kind} ${head} { ${fields.join(' ')} }`), variables };

  function pickRoot(type: GraphQLObjectType): Field {
    const fields = Object.values(type.getFields()).filter(({ name }) => !leftOut.has(name));
    const field = random.pick(fields);
    return slow.has(field.name) && !random.chance(0.1) ? random.pick(fields) : field;
  }

  function writeField(field: Field, n: number, level: number, given: Ids): string {
    const ids = level === 1 ? idsFor(field.name) : given;
    const alias = random.chance(0.1) || n > 0 ? `a${level}${n}: ` : '';
    return `${alias}${field.name}${writeArguments(field, ids)}${writeSelection(field.type, level, ids)}`;
  }

  function writeArguments(field: Field, ids: Ids): string {
    const used = field.args.filter(({ name, type }) =>
      isNonNullType(type) ? !random.chance(0.01) : name === 'first' || random.chance(0.3),
    );
    const written = used.map(({ name, type }) => {
      const variable = `v${declared.length}`;
      declared.push(`$${variable}: ${type}`);
      variables[variable] = hostileValue(values, type, name, ids);
      return `${name}: $${variable}`;
    });
    return written.length > 0 ? `(${written.join(', ')})` : '';
  }

  function writeSelection(given: GraphQLOutputType, level: number, ids: Ids): string {
    const type = getNamedType(given);
    if (!isCompositeType(type)) return '';
    if (isAbstractType(type)) {
      const possible = schema.getPossibleTypes(type);
      const parts = Array.from({ length: 2 }, () => random.pick(possible));
      return ` { __typename ${parts.map((one) => `... on ${one.name}${selectFrom(one, level, ids)}`).join(' ')} }`;
    }
    return isObjectType(type) ? selectFrom(type, level, ids) : '';
  }

  function selectFrom(type: GraphQLObjectType, level: number, ids: Ids): string {
    const all = Object.values(type.getFields());
    const leaves = all.filter((field) => !isCompositeType(getNamedType(field.type)));
    const fields = level < maxLevels ? all : leaves;
    const count = type.name.endsWith('Connection') ? 1 : 1 + random.int(5);
    if (fields.length === 0) return ' { __typename }';
    const chosen = new Set(Array.from({ length: count }, () => random.pick(fields)));
    return ` { ${[...chosen].map((field) => writeField(field, declared.length, level + 1, ids)).join(' ')} }`;
  }

  /** Breaks some of the documents. */
  function spoil(query: string): string {
    if (!random.chance(0.03)) return query;
    const at = random.int(query.length);
    return (
      query.slice(0, at) +
      random.pick(['', '{', '}', '"', '...', '@skip(if: true)', '$', '\u0000', '#']) +
      query.slice(at + 1)
    );
  }
}
