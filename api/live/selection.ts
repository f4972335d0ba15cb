import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
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
 * `extensions.isShareable` says otherwise.
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
    isShareable: isShareable(schema, document),
    ignored: operation ? resumeVariables(operation, document) : new Set(),
    documentId: documentCount++,
  };
  known.set(name, sharing);
  return sharing;
}

/** The root field is the subscription's own, and its events are the same for all who follow the same source. */
function isShareable(schema: GraphQLSchema, document: DocumentNode): boolean {
  const types = new TypeInfo(schema);
  let result = true;
  const check = visitWithTypeInfo(types, {
    Field() {
      const field = types.getFieldDef();
      const isRoot = types.getParentType() === schema.getSubscriptionType();
      const isOwn = field?.name.startsWith('__') ?? false;
      if (!isRoot && !isOwn && field?.extensions['isShareable'] !== true) result = false;
    },
  });
  visit(document, check);
  return result;
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
