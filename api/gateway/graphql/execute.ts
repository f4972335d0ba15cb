import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { maxVariableErrors } from '../request-limits.ts';

/** Every error repeats its value, and reading all of a list of wrong values would take as many errors. */
const options = { maxCoercionErrors: maxVariableErrors };

/**
 * Executes an operation by graphql-js. The variables are read up to `maxVariableErrors` wrong values.
 * @param rootValue the event that a subscription's selection is executed over
 */
export async function executeOperation(args: ExecutionArgs, rootValue = args.rootValue): Promise<ExecutionResult> {
  // Spreading the arguments, which come in several shapes, costs several times as much.
  const { schema, document, operationName, variableValues, contextValue } = args;
  return execute({ schema, document, rootValue, operationName, variableValues, contextValue, options });
}

/**
 * Runs the `subscribe` resolver of a subscription. The variables are read as `executeOperation` reads them.
 * @param args must be those of a valid subscription
 * @returns its events, or a result with the errors that prevented it
 */
export async function openSource(args: ExecutionArgs): Promise<AsyncIterable<unknown> | ExecutionResult> {
  return createSourceEventStream({ ...args, options }) as Promise<AsyncIterable<unknown> | ExecutionResult>;
}
