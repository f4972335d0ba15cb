import { GraphQLError, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Refuses queries of the schema, and removes the suggestions by which error messages tell names of the schema. */
export const useNoIntrospection: Plugin = {
  onValidate({ addValidationRule }) {
    addValidationRule(noSchemaFields);
    return ({ result, setResult }) => {
      if (Array.isArray(result)) setResult(result.map(withoutSuggestion));
    };
  },
};

const noSchemaFields: ValidationRule = (context) => ({
  Field(node) {
    if (node.name.value !== '__schema' && node.name.value !== '__type') return;
    const message =
      'Queries of the schema are turned off here. Use the published schema file, or set INTROSPECTION=on.';
    context.reportError(new GraphQLError(message, { nodes: node }));
  },
});

function withoutSuggestion(error: GraphQLError): GraphQLError {
  const { message, nodes, extensions } = error;
  const shorter = message.replace(/ Did you mean [\s\S]*$/, '');
  return shorter === message ? error : new GraphQLError(shorter, { nodes: nodes ?? null, extensions });
}
