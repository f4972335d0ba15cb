import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { maxVariableErrors } from '../request-limits.ts';

/** Every error repeats its value, and reading all of a list of wrong values would take as many errors. */
const options = { maxCoercionErrors: maxVariableErrors };

/**
 * Executes an operation by graphql-js. The variables are read up to `maxVariableErrors` wrong values.
 * @param rootValue the event that a subscription's selection is executed over
 * @returns the result, without a promise if no resolver returned one
 */
export function executeOperation(
  args: ExecutionArgs,
  rootValue = args.rootValue,
): Promise<ExecutionResult> | ExecutionResult {
  // Spreading the arguments, which come in several shapes, costs several times as much.
  const { schema, document, operationName, variableValues, contextValue } = args;
  // The types of graphql-js name its own kind of promise.
  return execute({ schema, document, rootValue, operationName, variableValues, contextValue, options }) as
    | Promise<ExecutionResult>
    | ExecutionResult;
}

/** Executes an operation over each of some events, and returns the results without a promise if no resolver returned one. */
export function executeOver(
  args: ExecutionArgs,
  events: readonly unknown[],
): Promise<ExecutionResult[]> | ExecutionResult[] {
  const results = events.map((event) => executeOperation(args, event));
  return results.some((result) => result instanceof Promise) ? Promise.all(results) : (results as ExecutionResult[]);
}

/**
 * Runs the `subscribe` resolver of a subscription. The variables are read as `executeOperation` reads them.
 * @param args must be those of a valid subscription
 * @returns its events, or a result with the errors that prevented it
 */
export async function openSource(args: ExecutionArgs): Promise<AsyncIterable<unknown> | ExecutionResult> {
  return createSourceEventStream({ ...args, options }) as Promise<AsyncIterable<unknown> | ExecutionResult>;
}
