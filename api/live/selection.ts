import { createHash } from 'node:crypto';
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

/** The facts that decide which subscriptions share their results. */
export interface Sharing {
  /** True if no selected field depends on the viewer. */
  isShareable: boolean;
  /** Variables that only set the position to resume from, which does not change the payload of an item. */
  resumeVariables: ReadonlySet<string>;
  /** Number of the document, unique in this process. */
  documentId: number;
}

/** The argument that sets the position to resume from, which does not change the payload of an item. */
export const resumeArgument = 'after';
const analyses = new WeakMap<DocumentNode, Map<string, Sharing>>();
let documentCount = 0;

/**
 * Analyses whether the results of a subscription can be shared. A field depends on the viewer unless its
 * `extensions.isShareable` in the schema is true, or is `ofEvent` and the field belongs to the event itself: readers
 * filter events by their own fields and by the objects that these refer to, but not deeper. Where it is `asEvent`, the value is
 * that event; where it is `partOfEvent`, a part of the event if it is selected on the event. Selections on a type whose
 * `extensions.isOwn` is true count for nothing: its events are never shared.
 * @param document must be valid against the schema; the analysis is cached as long as the document is in memory
 */
export function analyse(schema: GraphQLSchema, document: DocumentNode, operationName: string | null): Sharing {
  const byName = analyses.get(document) ?? new Map<string, Sharing>();
  analyses.set(document, byName);
  const name = operationName ?? '';
  const cached = byName.get(name);
  if (cached) return cached;
  const operation = getOperationAST(document, operationName);
  const sharing: Sharing = {
    isShareable: operation ? isShareable(schema, document, operation) : false,
    resumeVariables: operation ? findResumeVariables(operation, document) : new Set(),
    documentId: documentCount++,
  };
  byName.set(name, sharing);
  return sharing;
}

/** The depth of a selection: on the operation, on the event that the root field yields, or deeper. */
type Level = 'root' | 'event' | 'below';

function isShareable(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): boolean {
  const fragments = new Map(document.definitions.filter(isFragment).map((fragment) => [fragment.name.value, fragment]));
  const seen = new Set<string>();

  function areShareable({ selections }: SelectionSetNode, typeName: string, level: Level): boolean {
    if (schema.getType(typeName)?.extensions['isOwn'] === true) return true;
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
    // The events of the root field are the same for every subscription to the same source.
    const isEvent = level === 'root' || (declared === 'asEvent' && level === 'event');
    const isPart = declared === 'partOfEvent';
    if (!isEvent && !isPart && declared !== true && !(declared === 'ofEvent' && level === 'event')) return false;
    if (field === undefined || below === undefined) return true;
    return areShareable(
      below,
      getNamedType(field.type).name,
      isEvent || (isPart && level === 'event') ? 'event' : 'below',
    );
  }

  const root = schema.getSubscriptionType()?.name ?? '';
  return areShareable(operation.selectionSet, root, 'root');
}

/** Returns whether a definition of a document is a fragment. */
export function isFragment(definition: DocumentNode['definitions'][number]): definition is FragmentDefinitionNode {
  return definition.kind === Kind.FRAGMENT_DEFINITION;
}

/** Returns the variables that are used as `after` of the root field and nowhere else. */
function findResumeVariables(operation: OperationDefinitionNode, document: DocumentNode): ReadonlySet<string> {
  const uses = new Map<string, number>();
  visit(document, {
    VariableDefinition: () => false,
    Variable: ({ name }) => void uses.set(name.value, (uses.get(name.value) ?? 0) + 1),
  });
  const found = operation.selectionSet.selections.flatMap((selection) => {
    const args = selection.kind === Kind.FIELD ? (selection.arguments ?? []) : [];
    return args.flatMap(({ name, value }) =>
      name.value === resumeArgument && value.kind === Kind.VARIABLE ? [value.name.value] : [],
    );
  });
  return new Set(found.filter((name) => uses.get(name) === 1));
}

/**
 * Returns a key that is equal for subscriptions whose payloads are equal.
 * @param canonical see `canonicalSelection`; null takes the document itself
 * @param variables coerced values
 * @param viewerKey identifies the viewer; used only if the results cannot be shared
 */
export function selectionKey(
  { isShareable: canShare, resumeVariables, documentId }: Sharing,
  canonical: string | null,
  variables: Readonly<Record<string, unknown>>,
  viewerKey: string,
): string {
  const reader = canShare ? '' : viewerKey;
  if (canonical !== null) return `${reader} ${createHash('sha256').update(canonical).digest('base64')}`;
  const values = Object.entries(variables).filter(([name]) => !resumeVariables.has(name));
  return JSON.stringify([documentId, reader, values]);
}
