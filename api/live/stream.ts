import { ignore } from '../ignore.ts';

/** An async iterator for one reader, which can be ended from outside while the reader waits for an item. */
export interface Stream<Item> extends AsyncIterableIterator<Item, undefined> {
  /** Ends the stream and its source. Resolves once the source has ended. */
  return(): Promise<IteratorReturnResult<undefined>>;
  /** Ends the stream and its source. The pending `next()` throws the error or, if none is pending, the following one. */
  fail(error: Error): void;
}

/** The part of an async iterator that a stream needs of its source. */
interface Source<Item> {
  next(): Promise<IteratorResult<Item, unknown>>;
  return?(): Promise<unknown>;
}

/** The result of an iterator that has ended. */
export const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Returns a stream over the items of an iterator.
 * @param source must settle its pending `next()` when its `return` is called, which happens however the stream ends
 * @param onEnd called once, however the stream ends, even if it was never read
 */
export function createStream<Item>(source: Source<Item>, onEnd: () => void = ignore): Stream<Item> {
  let hasEnded = false;
  let sourceEnd: Promise<unknown> | undefined;
  let failure: Error | undefined;
  let rejectPending: ((error: Error) => void) | undefined;

  return {
    next() {
      if (failure !== undefined) return throwOnce(failure);
      if (hasEnded) return Promise.resolve(done);
      return new Promise((resolve, reject) => {
        rejectPending = reject;
        source.next().then(
          (result) => resolve(settle(result)),
          (error: unknown) => {
            end();
            reject(error);
          },
        );
      });
    },
    async return() {
      end();
      await sourceEnd;
      return done;
    },
    fail(error) {
      if (hasEnded) return;
      if (rejectPending) rejectPending(error);
      else failure = error;
      end();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  function throwOnce(error: Error): Promise<never> {
    failure = undefined;
    return Promise.reject(error);
  }

  function settle(result: IteratorResult<Item, unknown>): IteratorResult<Item, undefined> {
    rejectPending = undefined;
    if (!result.done) return result;
    end();
    return done;
  }

  function end(): void {
    if (hasEnded) return;
    hasEnded = true;
    onEnd();
    sourceEnd = source.return?.();
    // An error is reported to callers of `return` only.
    sourceEnd?.catch(ignore);
  }
}

/**
 * Returns a stream that yields nothing, and waits until it is ended. Every subscription has one, so it keeps little memory.
 * @param onEnd called once, however the stream ends, even if it was never read
 */
export function createEmptyStream(onEnd: () => void): Stream<never> {
  let settle: ((error?: Error) => void) | undefined;
  const ended = new Promise<typeof done>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve(done));
  });
  // It may fail before anybody reads it.
  ended.catch(ignore);

  return {
    next: () => ended,
    async return() {
      end();
      return done;
    },
    fail: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  function end(error?: Error): void {
    const settleOnce = settle;
    settle = undefined;
    if (settleOnce === undefined) return;
    onEnd();
    settleOnce(error);
  }
}

/**
 * Returns a stream over the items of a generator. Unlike a bare async generator, it can be ended while it waits: the signal
 * is aborted first.
 * @param generate called at once, but runs from the first `next()` on; it must leave every wait when the signal aborts
 * @param onEnd called once, however the stream ends, even if it was never read
 */
export function generateStream<Item>(
  generate: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  onEnd?: () => void,
): Stream<Item> {
  const controller = new AbortController();
  const generator = generate(controller.signal);
  const source: Source<Item> = {
    next: () => generator.next(),
    return() {
      controller.abort();
      return generator.return();
    },
  };
  return createStream(source, onEnd);
}

/** The result of `map` for an item that a mapped stream leaves out. */
export const leftOut = Symbol('leftOut');

/**
 * Returns a stream that applies a function to each item of another. Ending it ends the other.
 * @param options.map called when the item is read; it may return `leftOut`
 * @param options.mapError turns an error of the source or of `map` into the last item; by default the stream throws it
 * @param options.onEnd called once, however the stream ends, even if it was never read
 */
export function mapStream<Item, Mapped>(
  items: AsyncIterable<Item>,
  options: {
    map(item: Item): Mapped | typeof leftOut | Promise<Mapped | typeof leftOut>;
    mapError?(error: unknown): Mapped;
    onEnd?(): void;
  },
): Stream<Mapped> {
  const { map, mapError, onEnd } = options;
  const iterator = items[Symbol.asyncIterator]();
  const stream = createStream({ next, return: async () => iterator.return?.() }, onEnd);
  return stream;

  async function next(): Promise<IteratorResult<Mapped, undefined>> {
    try {
      for (;;) {
        const result = await iterator.next();
        if (result.done) return done;
        const value = await map(result.value);
        if (value !== leftOut) return { done: false, value };
      }
    } catch (error) {
      if (mapError === undefined) throw error;
      stream.return().catch(ignore);
      return { done: false, value: mapError(error) };
    }
  }
}
