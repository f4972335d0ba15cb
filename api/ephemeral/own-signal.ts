/**
 * Creates a function that returns a new signal, which aborts with the given one until the next call. Listeners of `AbortSignal.any`
 * would live as long as the given signal, with everything that they refer to.
 */
export function createOwnSignals(given: AbortSignal): () => AbortSignal {
  let present = new AbortController();
  given.addEventListener('abort', () => present.abort());

  return () => {
    present = new AbortController();
    if (given.aborted) present.abort();
    return present.signal;
  };
}
