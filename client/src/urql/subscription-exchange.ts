import {
  type Exchange,
  getOperationName,
  makeErrorResult,
  makeResult,
  type Operation,
  type OperationResult,
  stringifyDocument,
} from '@urql/core';
import { filter, make, merge, mergeMap, pipe, type Source, takeUntil } from 'wonka';
import type { Payload, Socket } from './socket.ts';

/**
 * Returns an exchange that runs subscriptions over the socket. It replaces urql's `subscriptionExchange`, which merges
 * each event into the previous result: an error would stay on every later event, and an event without data would repeat
 * the data of the last one. Here every event is a separate result. The last result of a subscription has
 * `hasNext: false`, and an `error` if the subscription failed.
 */
export function createSubscriptionExchange(socket: Pick<Socket, 'subscribe'>): Exchange {
  return ({ forward }) =>
    (operations) => {
      const events = pipe(
        operations,
        filter(isSubscription),
        mergeMap((operation) => pipe(toSource(socket, operation), takeUntil(teardownOf(operation)))),
      );
      const others = pipe(
        operations,
        filter((operation) => !isSubscription(operation)),
        forward,
      );
      return merge([events, others]);

      function teardownOf({ key }: Operation): Source<Operation> {
        return pipe(
          operations,
          filter((other) => other.kind === 'teardown' && other.key === key),
        );
      }
    };
}

function toSource(socket: Pick<Socket, 'subscribe'>, operation: Operation): Source<OperationResult> {
  return make<OperationResult>(({ next, complete }) => {
    const end = (result: OperationResult) => {
      next({ ...result, hasNext: false });
      complete();
    };
    return socket.subscribe(toPayload(operation), {
      next: ({ data = null, errors, extensions }) =>
        next(
          makeResult(operation, { data, ...(errors && { errors: [...errors] }), ...(extensions && { extensions }) }),
        ),
      error: (reason) => end(toErrorResult(operation, reason)),
      complete: () => end(makeResult(operation, { data: null, hasNext: false })),
    });
  });
}

/** The variables are passed by reference: a getter among them is read at each reconnect (see `resume.ts`). */
function toPayload({ query, variables }: Operation): Payload {
  const operationName = getOperationName(query);
  return {
    query: stringifyDocument(query),
    variables: variables as Payload['variables'],
    ...(operationName === undefined ? {} : { operationName }),
  };
}

function toErrorResult(operation: Operation, reason: unknown): OperationResult {
  if (Array.isArray(reason)) return makeResult(operation, { data: null, errors: reason, hasNext: false });
  return makeErrorResult(operation, reason instanceof Error ? reason : new Error('The subscription ended.'));
}

function isSubscription({ kind }: Operation): boolean {
  return kind === 'subscription';
}
