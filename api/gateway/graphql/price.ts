import {
  type ArgumentNode,
  type DirectiveNode,
  type DocumentNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  getOperationAST,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type ValueNode,
} from 'graphql';
import { defaultPageSize, maxPageSize } from '../../../schema/pages.ts';
import { isFragment } from '../../live/selection.ts';
import { introspectionFactors } from './introspection-factors.ts';

/** Points of one leaf value; an object costs one point. */
const leafPrice = 0.1;
/** Tolerance for sums of tenths, which binary fractions do not represent exactly. */
const rounding = 1e-6;
/** Assumed length of a list that declares none. */
const assumedListLength = 10;

type Field = GraphQLField<unknown, unknown>;

/** The operation to price. `variableValues` are as the client sent them: they need not be coerced. */
export interface Priced {
  schema: GraphQLSchema;
  /** Valid against the schema. */
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: { readonly [variable: string]: unknown } | null | undefined;
}

/**
 * Estimates the work of an operation in points: one for each object and a tenth for each leaf value that it may return,
 * times the sizes of the pages and lists around it, and the `cost` that a field declares (`schema/builder.ts`) for its
 * statements.
 * Introspection is priced by the size of the schema. Each selection of the document is visited once, however often its
 * fragment is spread.
 * @returns the points, and whether they are the same for all variables
 */
export function priceOf({ schema, document, operationName, variableValues }: Priced): {
  points: number;
  isFixed: boolean;
} {
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  const fragments = new Map(document.definitions.filter(isFragment).map((one) => [one.name.value, one]));
  const known = new Map<string, number>();
  const factors = introspectionFactors(schema);
  let isFixed = true;
  const points = operation && root ? priceOfSet(operation.selectionSet, root) : 0;
  return { points: Math.ceil(points - rounding), isFixed };

  function priceOfSet({ selections }: SelectionSetNode, parent: GraphQLNamedType | undefined): number {
    return selections.reduce((sum, selection) => sum + priceOfSelection(selection, parent), 0);
  }

  function priceOfSelection(selection: SelectionNode, parent: GraphQLNamedType | undefined): number {
    if (isLeftOut(selection.directives)) return 0;
    if (selection.kind === Kind.FRAGMENT_SPREAD) return priceOfFragment(selection.name.value);
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const { typeCondition, selectionSet } = selection;
      return priceOfSet(selectionSet, typeCondition ? schema.getType(typeCondition.name.value) : parent);
    }
    const field = findField(parent, selection.name.value);
    if (field === undefined) return 0;
    const below = selection.selectionSet ? priceOfSet(selection.selectionSet, getNamedType(field.type)) : 0;
    return priceOfField(field, parent?.name ?? '', selection.arguments ?? [], below);
  }

  function priceOfFragment(name: string): number {
    const present = known.get(name);
    if (present !== undefined) return present;
    known.set(name, 0);
    const fragment = fragments.get(name);
    const price = fragment ? priceOfSet(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value)) : 0;
    known.set(name, price);
    return price;
  }

  function priceOfField(field: Field, parent: string, args: readonly ArgumentNode[], below: number): number {
    const declared = Number(field.extensions['cost'] ?? 0);
    const first = field.args.find(({ name }) => name === 'first');
    if (first) return declared + Math.max(1, pageSize(args, first) * below);
    const isComposite = isCompositeType(getNamedType(field.type));
    const one = isComposite ? 1 + below : leafPrice;
    return declared + (factors.get(`${parent}.${field.name}`) ?? maxLength(field)) * one;
  }

  function pageSize(args: readonly ArgumentNode[], { defaultValue = defaultPageSize }: GraphQLArgument): number {
    const size = (name: string) => readValue(args.find((one) => one.name.value === name)?.value);
    const given = [size('first'), size('last')].find((one) => typeof one === 'number');
    return Math.min(Math.max(typeof given === 'number' ? given : Number(defaultValue), 0), maxPageSize);
  }

  /** Whether `@skip` or `@include` leaves out a selection. */
  function isLeftOut(directives: readonly DirectiveNode[] = []): boolean {
    return directives.some(({ name, arguments: args = [] }) => {
      const condition = readValue(args.find((one) => one.name.value === 'if')?.value);
      return (name.value === 'skip' && condition === true) || (name.value === 'include' && condition === false);
    });
  }

  function readValue(node: ValueNode | undefined): unknown {
    if (node?.kind === Kind.INT) return Number(node.value);
    if (node?.kind === Kind.BOOLEAN) return node.value;
    if (node?.kind !== Kind.VARIABLE) return undefined;
    isFixed = false;
    const given = variableValues?.[node.name.value];
    const definition = operation?.variableDefinitions?.find(({ variable }) => variable.name.value === node.name.value);
    return given === undefined ? readValue(definition?.defaultValue) : given;
  }
}

function findField(parent: GraphQLNamedType | undefined, name: string): Field | undefined {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef;
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
}

function maxLength({ type, extensions }: Field): number {
  return isListType(getNullableType(type)) ? Number(extensions['listLength'] ?? assumedListLength) : 1;
}
