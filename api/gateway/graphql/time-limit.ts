import { type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context, Execution } from '../../../schema/context.ts';
import { UnavailableError } from '../../errors.ts';
import { ignore } from '../../ignore.ts';

/**
 * Runs one execution, and returns its result, or one with UNAVAILABLE once it has taken too long. Its resolvers that have not
 * begun then do not begin; the others go on without a reader.
 * @param run gets the arguments to execute with; a stream that it returns too late is ended
 */
export type LimitTime = <Result>(
  args: ExecutionArgs,
  run: (args: ExecutionArgs) => Promise<Result> | Result,
) => Promise<Result | ExecutionResult>;

/** Creates the time limit of executions. @param limitMs milliseconds that one execution may take */
export function createTimeLimit(limitMs: number): LimitTime {
  return (args, run) => {
    const execution: Execution = { isOver: false };
    const running = run({ ...args, contextValue: { ...(args.contextValue as Context), execution } });
    if (!(running instanceof Promise)) return Promise.resolve(running);
    // Live delivery executes often: this takes fewer promises than `Promise.race`.
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        execution.isOver = true;
        running.then(endStream, ignore);
        resolve({ errors: [tooLate(args, limitMs)] });
      }, limitMs);
      running.then(
        (result) => {
          clearTimeout(timer);
          resolve(result);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  };
}

function endStream(result: unknown): void {
  if (isAsyncIterable(result)) void result[Symbol.asyncIterator]().return?.();
}

function tooLate({ document, operationName }: ExecutionArgs, limitMs: number): GraphQLError {
  const operation = getOperationAST(document, operationName)?.operation;
  const advice = operation === 'query' ? 'Request smaller pages or fewer fields, or try again.' : 'Try again.';
  const message = `The operation took longer than ${limitMs} ms. ${operation === 'mutation' ? uncertain : advice}`;
  return new GraphQLError(message, { originalError: new UnavailableError(message) });
}

/** A mutation may have submitted its event, which nothing takes back. */
const uncertain =
  'It is not known yet whether it took effect. Try again; with the same clientId nothing happens twice.';
