import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  getOperationAST,
  isAbstractType,
  isLeafType,
  isObjectType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { isFragment, resumeArgument } from './selection.ts';

const knownDirectives = new Set([GraphQLSkipDirective.name, GraphQLIncludeDirective.name]);

/** A valid subscription with its coerced variables. */
interface Subscription {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName: string | null;
  variables: Readonly<Record<string, unknown>>;
}

/**
 * Returns a text that two subscriptions have in common only if their payloads for an event are equal, byte for byte. It lists
 * response names with fields and the values of their arguments, in the order in which they are executed (GraphQL, September
 * 2025, section 6.3.2, Field Collection): fragments, variables and the names of both do not matter.
 * @returns null if the selection has a part that is not known here: another directive, or an invalid value
 */
export function canonicalSelection({ schema, document, operationName, variables }: Subscription): string | null {
  const fragments = new Map(document.definitions.filter(isFragment).map((one) => [one.name.value, one]));
  const operation = getOperationAST(document, operationName);
  const root = schema.getSubscriptionType();
  if (!operation || !root) return null;
  try {
    return describe([operation.selectionSet], root);
  } catch (error) {
    if (error instanceof NotKnownError) return null;
    throw error;
  }

  function describe(sets: readonly SelectionSetNode[], parent: GraphQLObjectType): string {
    const fields = new Map<string, FieldNode[]>();
    const seen = new Set<string>();
    for (const set of sets) collect(set, parent, fields, seen);
    return [...fields].map(([name, nodes]) => describeField(name, nodes, parent)).join(' ');
  }

  function collect(
    { selections }: SelectionSetNode,
    parent: GraphQLObjectType,
    fields: Map<string, FieldNode[]>,
    seen: Set<string>,
  ): void {
    for (const selection of selections.filter(isIncluded)) {
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        fields.set(name, [...(fields.get(name) ?? []), selection]);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : findFragment(selection.name.value, seen);
      if (fragment && applies(fragment.typeCondition?.name.value, parent))
        collect(fragment.selectionSet, parent, fields, seen);
    }
  }

  /** Returns a fragment that is spread; undefined if these fields have it already. */
  function findFragment(name: string, seen: Set<string>): FragmentDefinitionNode | undefined {
    if (seen.has(name)) return undefined;
    seen.add(name);
    return fragments.get(name);
  }

  function applies(condition: string | undefined, parent: GraphQLObjectType): boolean {
    const type = condition === undefined ? parent : schema.getType(condition);
    return type === parent || (isAbstractType(type) && schema.isSubType(type, parent));
  }

  function isIncluded(selection: SelectionNode): boolean {
    if (selection.directives?.some(({ name }) => !knownDirectives.has(name.value))) throw new NotKnownError();
    const conditionOf = (directive: typeof GraphQLSkipDirective) =>
      known(() => getDirectiveValues(directive, selection, variables))?.['if'];
    return conditionOf(GraphQLSkipDirective) !== true && conditionOf(GraphQLIncludeDirective) !== false;
  }

  function describeField(name: string, nodes: readonly FieldNode[], parent: GraphQLObjectType): string {
    const [node] = nodes;
    const field = node && parent.getFields()[node.name.value];
    if (node === undefined || field === undefined) return `${name}:${node?.name.value}`;
    const values = known(() => getArgumentValues(field, node, variables));
    if (parent === root) delete values[resumeArgument];
    const type = getNamedType(field.type);
    const head = `${name}:${field.name}${JSON.stringify(values)}`;
    if (isLeafType(type)) return head;
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    if (isObjectType(type)) return `${head}{${describe(sets, type)}}`;
    if (!isAbstractType(type)) throw new NotKnownError();
    return `${head}${schema.getPossibleTypes(type).map((one) => `|${one.name}{${describe(sets, one)}}`)}`;
  }
}

/** Thrown where a selection has a part that is not known here. */
class NotKnownError extends Error {
  override readonly name = 'NotKnownError';
}

/** Returns the value of a function; values that GraphQL refuses are not known. */
function known<Value>(read: () => Value): Value {
  try {
    return read();
  } catch {
    throw new NotKnownError();
  }
}
