import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/** Made when it is first asked for: most requests need none. */
interface Slot {
  id: string | undefined;
}

const storage = new AsyncLocalStorage<Slot>();
const form = /^[\w.:-]{1,128}$/;

/** The id of the request that is being answered, which finds it in the log. */
export function requestId(): string {
  const slot = storage.getStore() ?? { id: undefined };
  slot.id ??= randomUUID();
  return slot.id;
}

/**
 * Answers a request under an id.
 * @param given what the client calls it, if anything; anything unusual is replaced
 */
export function withRequestId<Result>(given: string | undefined, answer: () => Result): Result {
  return storage.run({ id: given !== undefined && form.test(given) ? given : undefined }, answer);
}
