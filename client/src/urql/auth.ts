import { type Exchange, makeOperation, type Operation, type OperationResult } from '@urql/core';
import { failureOf } from './errors.ts';
import { createRerunExchange } from './rerun.ts';
import type { SessionStore } from './session.ts';

/**
 * Sends the session's token with every query and mutation; when the server no longer takes it, renews it and runs the
 * operation once more. Signed out, operations go without one.
 */
export function authExchange(session: Pick<SessionStore<unknown>, 'token' | 'renew'>): Exchange {
  return createRerunExchange({
    async prepare(operation) {
      const token = await session.token();
      return token === null ? operation : withToken(operation, token);
    },
    again(result, attempt) {
      const token = tokenOf(result);
      if (token === null || attempt > 0 || failureOf(result.error)?.code !== 'UNAUTHENTICATED') return false;
      return session.renew(token).then(
        (renewed) => renewed !== null,
        () => false,
      );
    },
  });
}

const SCHEME = 'Bearer ';

function withToken(operation: Operation, token: string): Operation {
  const { fetchOptions } = operation.context;
  const options = typeof fetchOptions === 'function' ? fetchOptions() : fetchOptions;
  const headers = new Headers(options?.headers);
  headers.set('authorization', `${SCHEME}${token}`);
  return makeOperation(operation.kind, operation, {
    ...operation.context,
    fetchOptions: { ...options, headers: Object.fromEntries(headers) },
  });
}

function tokenOf({ operation }: OperationResult): string | null {
  const { fetchOptions } = operation.context;
  if (typeof fetchOptions !== 'object') return null;
  return new Headers(fetchOptions.headers).get('authorization')?.slice(SCHEME.length) ?? null;
}
