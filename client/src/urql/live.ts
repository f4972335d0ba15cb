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
 * Runs subscriptions over the socket. It stands in for urql's `subscriptionExchange`, which merges each event into the
 * result before it: there an error stays on every later event, and an event without data repeats the last one's. Here
 * every event is a result of its own. The last result of a subscription has `hasNext: false`, with the reason as its
 * `error` when there is one.
 */
export function liveExchange(socket: Pick<Socket, 'subscribe'>): Exchange {
  return ({ forward }) =>
    (operations) => {
      const events = pipe(
        operations,
        filter(isSubscription),
        mergeMap((operation) =>
          pipe(
            follow(socket, operation),
            takeUntil(
              pipe(
                operations,
                filter(({ kind, key }) => kind === 'teardown' && key === operation.key),
              ),
            ),
          ),
        ),
      );
      const others = pipe(
        operations,
        filter((operation) => !isSubscription(operation)),
        forward,
      );
      return merge([events, others]);
    };
}

function follow(socket: Pick<Socket, 'subscribe'>, operation: Operation): Source<OperationResult> {
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

/** The variables go on by reference: a getter among them is read at each reconnect (see `resume.ts`). */
function toPayload({ query, variables }: Operation) {
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
