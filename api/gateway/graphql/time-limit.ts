import { type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Context, Execution } from '../../../schema/context.ts';
import { UnavailableError } from '../../errors.ts';
import { ignore } from '../../ignore.ts';

/** Milliseconds to a multiple of which the times until deadlines are rounded up. */
const timerStepMs = 20;

/**
 * Runs one execution, and returns its result, or one with UNAVAILABLE once its request has taken too long. Its resolvers that
 * have not begun then do not begin; the others go on without a reader. Time counts from the arrival of the request
 * (`Context.arrivedAt`), and from now on where the context has none.
 * @param args their context belongs to this execution alone: it gets the execution, and the deadline of a mutation
 * @param run gets the arguments; a stream that it returns too late is ended
 */
export type LimitTime = <Result>(
  args: ExecutionArgs,
  run: (args: ExecutionArgs) => Promise<Result> | Result,
) => Promise<Result | ExecutionResult>;

/**
 * Waits for a step before an execution, which has not changed anything yet.
 * @param arrivedAt time at which the request arrived, by `performance.now()`; now if left out
 * @throws GraphQLError with UNAVAILABLE once the request has taken too long
 */
export type WaitInTime = <Result>(arrivedAt: number | undefined, step: Promise<Result>) => Promise<Result>;

/**
 * Creates the time limits of requests.
 * @param limits.mutationMs milliseconds that a mutation may take, all mutations of one document together
 * @param limits.otherMs milliseconds that a query may take, the opening of a subscription, or the execution of its events
 */
export function createTimeLimit(limits: { mutationMs: number; otherMs: number }): {
  limitTime: LimitTime;
  waitInTime: WaitInTime;
} {
  // The kind of the operation is not known before all steps.
  const stepMs = Math.min(limits.mutationMs, limits.otherMs);

  const limitTime: LimitTime = (args, run) => {
    const operation = getOperationAST(args.document, args.operationName)?.operation;
    const limitMs = operation === 'mutation' ? limits.mutationMs : limits.otherMs;
    const context = args.contextValue as Context;
    const deadline = (context.arrivedAt ?? performance.now()) + limitMs;
    const execution: Execution = { isOver: false };
    context.execution = execution;
    if (operation === 'mutation' && context.viewer) context.viewer.deadline = deadline;
    const running = run(args);
    if (!(running instanceof Promise)) return Promise.resolve(running);
    const giveUp = (): ExecutionResult => {
      execution.isOver = true;
      running.then(endStream, ignore);
      return { errors: [tooLate(limitMs, adviceOf(operation))] };
    };
    return raceDeadline(running, deadline, giveUp);
  };

  const waitInTime: WaitInTime = (arrivedAt = performance.now(), step) =>
    raceDeadline(step, arrivedAt + stepMs, () => {
      throw tooLate(stepMs, 'Try again.');
    });

  return { limitTime, waitInTime };
}

/** Returns the result of some work, or that of `giveUp` once the deadline has come. */
function raceDeadline<Result, Late>(
  work: Promise<Result>,
  deadline: number,
  giveUp: () => Late,
): Promise<Result | Late> {
  // Live delivery executes often: this takes fewer promises than `Promise.race`.
  return new Promise((resolve, reject) => {
    const end = () => {
      try {
        resolve(giveUp());
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(end, roundUp(deadline - performance.now()));
    const settle =
      <Value>(take: (value: Value) => void) =>
      (value: Value) => {
        clearTimeout(timer);
        take(value);
      };
    work.then(settle(resolve), settle(reject));
  });
}

/** Timers of equal length share a list, which costs more to make than to use. */
function roundUp(ms: number): number {
  return Math.ceil(Math.max(ms, 0) / timerStepMs) * timerStepMs;
}

function endStream(result: unknown): void {
  if (isAsyncIterable(result)) void result[Symbol.asyncIterator]().return?.();
}

function tooLate(limitMs: number, advice: string): GraphQLError {
  const message = `The operation took longer than ${limitMs} ms. ${advice}`;
  return new GraphQLError(message, { originalError: new UnavailableError(message) });
}

function adviceOf(operation: string | undefined): string {
  if (operation === 'mutation') return uncertain;
  return operation === 'query' ? 'Request smaller pages or fewer fields, or try again.' : 'Try again.';
}

/** A mutation may have submitted its event, which nothing takes back. */
const uncertain =
  'It is not known yet whether it took effect. Try again; with the same clientId nothing happens twice.';
