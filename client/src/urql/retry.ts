import type { Exchange, Operation } from '@urql/core';
import { backoff, pause } from './backoff.ts';
import { failureOf } from './errors.ts';
import { createRerunExchange } from './rerun.ts';

/** Runs after the first, before a failure is passed on. */
const MAX_RETRIES = 2;

/**
 * Runs an operation again, with the same variables, when the server says UNAVAILABLE or no answer came, where that is
 * safe: queries, and mutations with an idempotency key (`input.clientId`), whose outcome a retry settles.
 */
export function retryExchange(): Exchange {
  return createRerunExchange({
    prepare: (operation) => Promise.resolve(operation),
    again(result, attempt) {
      const failure = failureOf(result.error);
      if (failure?.code !== 'UNAVAILABLE' && failure?.code !== 'NETWORK') return false;
      if (attempt >= MAX_RETRIES || !isRepeatable(result.operation)) return false;
      return pause(backoff(attempt)).then(() => true);
    },
  });
}

function isRepeatable({ kind, variables }: Operation): boolean {
  if (kind === 'query') return true;
  const input: unknown = Reflect.get(Object(variables), 'input');
  return typeof Reflect.get(Object(input), 'clientId') === 'string';
}
