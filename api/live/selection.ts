import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isCompositeType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';

/** What sharing an operation's results depends on. */
export interface Sharing {
  /** Nothing that it selects depends on the viewer. */
  isShareable: boolean;
  /** Variables that say where to begin, and nothing else. */
  ignored: ReadonlySet<string>;
  /** Tells documents apart. */
  documentId: number;
}

/** The argument that says where to begin. */
const resumeArgument = 'after';
const analyses = new WeakMap<DocumentNode, Map<string, Sharing>>();
let documentCount = 0;

/**
 * What of a subscription differs between its subscribers. Fields are taken to depend on the viewer unless the schema's
 * `extensions.isShareable` says otherwise: true, or `ofEvent`, which holds for a field of the event itself alone, since
 * what readers judge is the event and what hangs on it, and no further.
 * @param document valid against the schema, whose analysis is kept as long as the document is
 */
export function analyse(schema: GraphQLSchema, document: DocumentNode, operationName: string | null): Sharing {
  const known = analyses.get(document) ?? new Map<string, Sharing>();
  analyses.set(document, known);
  const name = operationName ?? '';
  const present = known.get(name);
  if (present) return present;
  const operation = getOperationAST(document, operationName);
  const sharing: Sharing = {
    isShareable: operation ? isShareable(schema, document, operation) : false,
    ignored: operation ? resumeVariables(operation, document) : new Set(),
    documentId: documentCount++,
  };
  known.set(name, sharing);
  return sharing;
}

/** What a selection belongs to: the operation, the event that its root field brings, or something below that. */
type Level = 'root' | 'event' | 'below';

function isShareable(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): boolean {
  const fragments = new Map(document.definitions.filter(isFragment).map((one) => [one.name.value, one]));
  const seen = new Set<string>();

  function areShareable({ selections }: SelectionSetNode, typeName: string, level: Level): boolean {
    return selections.every((selection) => {
      if (selection.kind === Kind.INLINE_FRAGMENT)
        return areShareable(selection.selectionSet, selection.typeCondition?.name.value ?? typeName, level);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return isFragmentShareable(selection.name.value, level);
      const { name, selectionSet } = selection;
      return name.value.startsWith('__') || isFieldShareable(typeName, name.value, level, selectionSet);
    });
  }

  function isFragmentShareable(name: string, level: Level): boolean {
    const fragment = fragments.get(name);
    const key = `${level} ${name}`;
    if (fragment === undefined || seen.has(key)) return true;
    seen.add(key);
    return areShareable(fragment.selectionSet, fragment.typeCondition.name.value, level);
  }

  function isFieldShareable(typeName: string, name: string, level: Level, below?: SelectionSetNode): boolean {
    const parent = schema.getType(typeName);
    const field = isCompositeType(parent) && 'getFields' in parent ? parent.getFields()[name] : undefined;
    const declared = field?.extensions['isShareable'];
    // The root field is the subscription's own, and its events are the same for all who follow the same source.
    if (level !== 'root' && declared !== true && !(declared === 'ofEvent' && level === 'event')) return false;
    if (field === undefined || below === undefined) return true;
    return areShareable(below, getNamedType(field.type).name, level === 'root' ? 'event' : 'below');
  }

  const root = schema.getSubscriptionType()?.name ?? '';
  return areShareable(operation.selectionSet, root, 'root');
}

function isFragment(one: DocumentNode['definitions'][number]): one is FragmentDefinitionNode {
  return one.kind === Kind.FRAGMENT_DEFINITION;
}

/** Variables that are used as `after` of the root field and nowhere else. */
function resumeVariables(operation: OperationDefinitionNode, document: DocumentNode): ReadonlySet<string> {
  const uses = new Map<string, number>();
  visit(document, {
    VariableDefinition: () => false,
    Variable: ({ name }) => void uses.set(name.value, (uses.get(name.value) ?? 0) + 1),
  });
  const found = operation.selectionSet.selections.flatMap((selection) => {
    const given = selection.kind === Kind.FIELD ? (selection.arguments ?? []) : [];
    return given.flatMap(({ name, value }) =>
      name.value === resumeArgument && value.kind === Kind.VARIABLE ? [value.name.value] : [],
    );
  });
  return new Set(found.filter((name) => uses.get(name) === 1));
}

/**
 * What those have in common who get the same, as a string.
 * @param variables coerced
 * @param viewerKey of whom the results are, where they cannot be shared
 */
export function selectionKey(
  { isShareable: shareable, ignored, documentId }: Sharing,
  variables: Readonly<Record<string, unknown>>,
  viewerKey: string,
): string {
  const given = Object.entries(variables).filter(([name]) => !ignored.has(name));
  return JSON.stringify([documentId, shareable ? '' : viewerKey, given]);
}
