import type { Exchange, Operation, OperationResult } from '@urql/core';
import { makeOperation } from '@urql/core';
import {
  empty,
  filter,
  fromPromise,
  fromValue,
  makeSubject,
  merge,
  mergeMap,
  pipe,
  type Source,
  takeUntil,
} from 'wonka';

export interface RerunOptions {
  /** What of an operation to send, each time that it is sent. Must not reject. */
  prepare(operation: Operation): Promise<Operation>;
  /**
   * Whether to run the operation again because of this result; it resolves when that should be. Must not reject.
   * @param attempt how often it was run again already, from 0
   */
  again(result: OperationResult, attempt: number): false | Promise<boolean>;
}

/**
 * An exchange that may run a query or mutation again instead of passing its result on: the common ground of
 * `auth.ts` and `retry.ts`. Subscriptions pass through: they have the socket's own ways.
 */
export function createRerunExchange({ prepare, again }: RerunOptions): Exchange {
  const attempts = Symbol('attempts');

  return ({ forward }) =>
    (operations) => {
      const { source: reruns, next: rerun } = makeSubject<Operation>();
      const tornDown = ({ key }: Operation) =>
        pipe(
          operations,
          filter((other) => other.kind === 'teardown' && other.key === key),
        );
      const requests = pipe(
        merge([pipe(operations, filter(isRequest)), reruns]),
        mergeMap((operation) => pipe(fromPromise(prepare(operation)), takeUntil(tornDown(operation)))),
      );
      const others = pipe(
        operations,
        filter((operation) => !isRequest(operation)),
      );
      return pipe(forward(merge([requests, others])), mergeMap(settle));

      function settle(result: OperationResult): Source<OperationResult> {
        const { operation } = result;
        const attempt = attemptOf(operation);
        const decision = isRequest(operation) && again(result, attempt);
        if (decision === false) return fromValue({ ...result, operation: counted(operation, 0) });
        return pipe(
          fromPromise(decision),
          takeUntil(tornDown(operation)),
          mergeMap((isToRun) => {
            if (!isToRun) return fromValue({ ...result, operation: counted(operation, 0) });
            rerun(counted(operation, attempt + 1));
            return empty as Source<OperationResult>;
          }),
        );
      }
    };

  function attemptOf({ context }: Operation): number {
    const count: unknown = Reflect.get(context, attempts);
    return typeof count === 'number' ? count : 0;
  }

  function counted(operation: Operation, count: number): Operation {
    return makeOperation(operation.kind, operation, { ...operation.context, [attempts]: count });
  }
}

function isRequest({ kind }: Operation): boolean {
  return kind === 'query' || kind === 'mutation';
}
