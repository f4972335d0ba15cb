import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

const storage = new AsyncLocalStorage<string>();
const form = /^[\w.:-]{1,128}$/;

/** The id of the request that is being answered, which finds it in the log. */
export function requestId(): string {
  return storage.getStore() ?? randomUUID();
}

/**
 * Answers a request under an id.
 * @param given what the client calls it, if anything; anything unusual is replaced
 */
export function withRequestId<Result>(given: string | undefined, answer: (id: string) => Result): Result {
  const id = given !== undefined && form.test(given) ? given : randomUUID();
  return storage.run(id, () => answer(id));
}
