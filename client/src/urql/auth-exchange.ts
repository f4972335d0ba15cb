import { type Exchange, makeOperation, type Operation, type OperationResult } from '@urql/core';
import {
  empty,
  filter,
  fromPromise,
  fromValue,
  makeSubject,
  map,
  merge,
  mergeMap,
  pipe,
  type Source,
  takeUntil,
} from 'wonka';
import { toFailure } from './errors.ts';
import type { TokenSource } from './session.ts';

/**
 * Returns an exchange that sends the session's token with every query and mutation. If the server refuses the token,
 * the exchange renews it and runs the operation once more. Signed out, operations are sent without a token.
 *
 * `@urql/exchange-auth` is not used: it keeps waiting operations in a map by key, so that of two equal mutations that
 * wait for a token at the same time one never gets a result.
 */
export function createAuthExchange(session: TokenSource): Exchange {
  return ({ forward }) =>
    (operations) => {
      const { source: reruns, next: rerun } = makeSubject<Operation>();
      const authorized = pipe(merge([operations, reruns]), mergeMap(authorize));
      return pipe(forward(authorized), mergeMap(settle));

      function authorize(operation: Operation): Source<Operation> {
        if (operation.kind !== 'query' && operation.kind !== 'mutation') return fromValue(operation);
        return pipe(
          fromPromise(session.token()),
          takeUntil(teardownOf(operation)),
          map((token) => (token === null ? operation : withToken(operation, token))),
        );
      }

      function settle(result: OperationResult): Source<OperationResult> {
        const { operation } = result;
        const token = tokenOf(operation);
        const isRefused = toFailure(result.error)?.code === 'UNAUTHENTICATED';
        if (token === undefined || !isRefused || operation.context['isRerun'] === true)
          return fromValue({ ...result, operation: withContext(operation, { isRerun: false }) });
        return pipe(
          fromPromise(renewToken(token)),
          takeUntil(teardownOf(operation)),
          mergeMap((isRenewed) => {
            if (!isRenewed) return fromValue(result);
            rerun(withContext(operation, { isRerun: true }));
            return empty as Source<OperationResult>;
          }),
        );
      }

      function teardownOf({ key }: Operation): Source<Operation> {
        return pipe(
          operations,
          filter((other) => other.kind === 'teardown' && other.key === key),
        );
      }
    };

  function renewToken(refused: string): Promise<boolean> {
    return session.renew(refused).then(
      (renewed) => renewed !== null,
      () => false,
    );
  }
}

const scheme = 'Bearer ';

function withToken(operation: Operation, token: string): Operation {
  const { fetchOptions } = operation.context;
  const options = typeof fetchOptions === 'function' ? fetchOptions() : fetchOptions;
  const headers = new Headers(options?.headers);
  headers.set('authorization', `${scheme}${token}`);
  return withContext(operation, { fetchOptions: { ...options, headers: Object.fromEntries(headers) } });
}

/** Returns the token that the operation was sent with: the session may have a newer one by now. */
function tokenOf({ context: { fetchOptions } }: Operation): string | undefined {
  if (typeof fetchOptions !== 'object') return undefined;
  return new Headers(fetchOptions.headers).get('authorization')?.slice(scheme.length);
}

function withContext(operation: Operation, change: Partial<Operation['context']>): Operation {
  return makeOperation(operation.kind, operation, { ...operation.context, ...change });
}
