import type { CombinedError, Exchange, Operation } from '@urql/core';
import { retryExchange } from '@urql/exchange-retry';
import { toFailure } from './errors.ts';

const maxAttempts = 3;
/** The first retry waits 0.75 to 1.25 s, the second 1.1 to 3.1 s. */
const initialDelayMs = 500;

/**
 * Returns an exchange that runs an operation again, with the same variables, if the server responds with UNAVAILABLE or
 * not at all. It retries only where that is safe: queries, and mutations with an idempotency key (`input.clientId`).
 */
export function createRetryExchange(): Exchange {
  return retryExchange({ maxNumberAttempts: maxAttempts, initialDelayMs, retryIf: canRetry });
}

function canRetry(error: CombinedError, operation: Operation): boolean {
  const code = toFailure(error)?.code;
  return (code === 'UNAVAILABLE' || code === 'NETWORK') && isIdempotent(operation);
}

function isIdempotent({ kind, variables }: Operation): boolean {
  if (kind === 'query') return true;
  const input: unknown = Reflect.get(Object(variables), 'input');
  return typeof Reflect.get(Object(input), 'clientId') === 'string';
}
