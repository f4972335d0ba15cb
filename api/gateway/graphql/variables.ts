import { type ExecutionArgs, type GraphQLError, getOperationAST } from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import type { Plugin } from 'graphql-yoga';

/** Maximum number of wrong values among an operation's variables that are reported; coercion stops at the next one. */
const maxVariableErrors = 10;

/**
 * Rejects operations with wrong variables before anything else coerces these: each wrong value costs an error, and the
 * executor and the estimate of costs would collect any number of them.
 */
export const useVariableErrors: Plugin = {
  onExecute({ args, setResultAndStopExecution }) {
    const errors = variableErrors(args);
    if (errors.length > 0) setResultAndStopExecution({ errors: [...errors] });
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    const errors = variableErrors(args);
    if (errors.length > 0) setResultAndStopExecution({ errors: [...errors] });
  },
};

/** Returns the errors of an operation's variables, at most `maxVariableErrors`; none if all are valid. */
export function variableErrors(
  operation: Pick<ExecutionArgs, 'schema' | 'document' | 'operationName' | 'variableValues'>,
): readonly GraphQLError[] {
  const { schema, document, operationName, variableValues } = operation;
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  if (definitions.length === 0) return [];
  const { errors = [] } = getVariableValues(schema, definitions, variableValues ?? {}, {
    maxErrors: maxVariableErrors,
  });
  // One more than the maximum says that there are more.
  return errors.slice(0, maxVariableErrors);
}
