import {
  type ASTVisitor,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type ValidationContext,
} from 'graphql';

/**
 * Validation rule: a subscription's root selections, those within fragments included, may not have `@skip` or `@include`,
 * because a subscription needs exactly one root field (GraphQL, September 2025, section 5.2.4.1, Single Root Field).
 */
export function UnconditionalSubscriptionRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation: OperationDefinitionNode) {
      if (operation.operation !== 'subscription') return;
      const conditional = rootSelections(operation, (name) => context.getFragment(name)).find(isConditional);
      if (conditional === undefined) return;
      const message = 'The root field of a subscription must not have `@skip` or `@include`.';
      context.reportError(new GraphQLError(message, { nodes: conditional }));
    },
  };
}

/** Returns the selections at the root of an operation, each fragment's once. */
function rootSelections(
  { selectionSet }: OperationDefinitionNode,
  getFragment: (name: string) => FragmentDefinitionNode | null | undefined,
): SelectionNode[] {
  const found: SelectionNode[] = [];
  const seen = new Set<string>();
  const sets = [selectionSet];
  for (let set = sets.pop(); set; set = sets.pop()) {
    for (const selection of set.selections) {
      found.push(selection);
      if (selection.kind === Kind.INLINE_FRAGMENT) sets.push(selection.selectionSet);
      if (selection.kind !== Kind.FRAGMENT_SPREAD || seen.has(selection.name.value)) continue;
      seen.add(selection.name.value);
      const fragment = getFragment(selection.name.value);
      if (fragment) sets.push(fragment.selectionSet);
    }
  }
  return found;
}

function isConditional({ directives = [] }: SelectionNode): boolean {
  return directives.some(({ name }) => name.value === 'skip' || name.value === 'include');
}
