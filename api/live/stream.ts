/**
 * An async iterator over a generator that may be waiting when it is told to end: `return` aborts the signal first, so that
 * the generator comes out of its wait. An async generator alone would not hear of it.
 * @param source begins when it is first read; it must come out of every wait once the signal aborts
 * @param onEnd called once, whichever way it ends, even when it was never read
 */
export function createStream<Item>(
  source: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  onEnd: () => void = () => {},
): AsyncIterableIterator<Item> {
  const controller = new AbortController();
  const generator = source(controller.signal);

  function end(): void {
    if (controller.signal.aborted) return;
    controller.abort();
    onEnd();
  }

  return {
    async next() {
      try {
        const result = await generator.next();
        if (result.done) end();
        return result;
      } catch (error) {
        end();
        throw error;
      }
    },
    async return() {
      end();
      return generator.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
