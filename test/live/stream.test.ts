import { describe, expect, test, vi } from 'vitest';
import { createEmptyStream, createStream, generateStream, leftOut, mapStream } from '../../api/live/stream.ts';

const done = { done: true, value: undefined };
const item = <Item>(value: Item) => ({ done: false, value });

/** Creates an iterator that yields the items that the test pushes, until it is returned. */
function createSource() {
  const pending: ((result: IteratorResult<number, undefined>) => void)[] = [];
  const returned = vi.fn(async () => {
    for (const resolve of pending.splice(0)) resolve({ done: true, value: undefined });
  });
  return {
    next: () => new Promise<IteratorResult<number, undefined>>((resolve) => void pending.push(resolve)),
    return: returned,
    push: (value: number) => pending.shift()?.({ done: false, value }),
  };
}

describe('a stream', () => {
  test('yields the items of its source', async () => {
    const source = createSource();
    const stream = createStream(source);
    const next = stream.next();
    source.push(1);
    expect(await next).toEqual(item(1));
  });

  test('can be returned while its reader waits, and ends once', async () => {
    const source = createSource();
    const onEnd = vi.fn();
    const stream = createStream(source, onEnd);
    const next = stream.next();
    await stream.return();
    await stream.return();
    expect(await next).toEqual(done);
    expect(await stream.next()).toEqual(done);
    expect(onEnd).toHaveBeenCalledOnce();
    expect(source.return).toHaveBeenCalledOnce();
  });

  test('resolves `return` once its source has ended, for every caller', async () => {
    let finish = () => {};
    const source = { ...createSource(), return: () => new Promise<void>((resolve) => (finish = resolve)) };
    const stream = createStream(source);
    const returned = vi.fn();
    const both = Promise.all([stream.return().then(returned), stream.return().then(returned)]);
    await new Promise(setImmediate);
    expect(returned).not.toHaveBeenCalled();
    finish();
    await both;
  });

  test('can be failed while its reader waits: the reader gets the error, and nothing after it', async () => {
    const source = createSource();
    const onEnd = vi.fn();
    const stream = createStream(source, onEnd);
    const next = stream.next();
    stream.fail(new Error('the session ended'));
    stream.fail(new Error('a second failure'));
    await expect(next).rejects.toThrow('the session ended');
    expect(await stream.next()).toEqual(done);
    expect(onEnd).toHaveBeenCalledOnce();
    expect(source.return).toHaveBeenCalledOnce();
  });

  test('that is failed between two items throws the error when the next one is read, once', async () => {
    const source = createSource();
    const stream = createStream(source);
    const next = stream.next();
    source.push(1);
    await next;
    stream.fail(new Error('the session ended'));
    await expect(stream.next()).rejects.toThrow('the session ended');
    expect(await stream.next()).toEqual(done);
  });

  test.each([
    ['ends', async () => ({ done: true, value: undefined }) as const],
    ['throws', () => Promise.reject(new Error('the source failed'))],
  ])('ends when its source %s', async (_, next) => {
    const onEnd = vi.fn();
    const stream = createStream({ next }, onEnd);
    await stream.next().catch(() => {});
    expect(onEnd).toHaveBeenCalledOnce();
    expect(await stream.next()).toEqual(done);
  });

  test('passes the error of its source on', async () => {
    const stream = createStream({ next: () => Promise.reject(new Error('the source failed')) });
    await expect(stream.next()).rejects.toThrow('the source failed');
  });

  test('may be returned from its own `onEnd`', async () => {
    const stream = createStream(createSource(), () => void stream.return());
    expect(await stream.return()).toEqual(done);
  });
});

describe('an empty stream', () => {
  test('waits until it is returned, and ends once', async () => {
    const onEnd = vi.fn();
    const stream = createEmptyStream(onEnd);
    const settled = vi.fn();
    const next = stream.next();
    void next.then(settled);
    await new Promise(setImmediate);
    expect(settled).not.toHaveBeenCalled();
    await stream.return();
    await stream.return();
    expect(await next).toEqual(done);
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test.each([
    ['while its reader waits', true],
    ['before it is read', false],
  ])('can be failed %s', async (_, isRead) => {
    const onEnd = vi.fn();
    const stream = createEmptyStream(onEnd);
    const next = isRead ? stream.next() : undefined;
    stream.fail(new Error('the session ended'));
    stream.fail(new Error('a second failure'));
    await stream.return();
    await expect(next ?? stream.next()).rejects.toThrow('the session ended');
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test('may be returned from its own `onEnd`', async () => {
    const stream = createEmptyStream(() => void stream.return());
    expect(await stream.return()).toEqual(done);
  });
});

describe('a stream of a generator', () => {
  test('leaves its wait when it is returned, and runs to the end of the generator first', async () => {
    const log: string[] = [];
    const stream = generateStream(async function* (signal) {
      try {
        yield 1;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      } finally {
        log.push('generator ended');
      }
    });
    expect(await stream.next()).toEqual(item(1));
    const next = stream.next();
    await stream.return();
    log.push('returned');
    expect(await next).toEqual(done);
    expect(log).toEqual(['generator ended', 'returned']);
  });

  test('does not run the generator if it is never read, but ends', async () => {
    const ran = vi.fn();
    const onEnd = vi.fn();
    const stream = generateStream(async function* () {
      ran();
      yield 1;
    }, onEnd);
    await stream.return();
    expect(ran).not.toHaveBeenCalled();
    expect(onEnd).toHaveBeenCalledOnce();
  });
});

describe('a mapped stream', () => {
  const numbers = () =>
    generateStream(async function* () {
      yield 1;
      yield 2;
    });

  test('applies the function to each item', async () => {
    const seen: string[] = [];
    for await (const text of mapStream(numbers(), { map: async (value) => `item ${value}` })) seen.push(text);
    expect(seen).toEqual(['item 1', 'item 2']);
  });

  test('leaves out the items for which it is told so', async () => {
    const seen: number[] = [];
    const map = (value: number) => (value === 1 ? leftOut : value);
    for await (const value of mapStream(numbers(), { map })) seen.push(value);
    expect(seen).toEqual([2]);
  });

  test('ends its source when it is returned, even before it is read', async () => {
    const onEnd = vi.fn();
    const source = createStream(createSource(), onEnd);
    await mapStream(source, { map: (value) => value }).return();
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test('makes an error its last item where it is told how', async () => {
    const seen: string[] = [];
    const map = (value: number) => {
      if (value === 2) throw new Error('two');
      return `item ${value}`;
    };
    for await (const text of mapStream(numbers(), { map, mapError: String })) seen.push(text);
    expect(seen).toEqual(['item 1', 'Error: two']);
  });

  test('ends its source after such an item, and does not read it again', async () => {
    const onEnd = vi.fn();
    const source = createStream({ next: async () => item(1) }, onEnd);
    const map = () => Promise.reject(new Error('one'));
    const mapped = mapStream(source, { map, mapError: String });
    expect(await mapped.next()).toEqual(item('Error: one'));
    expect(onEnd).toHaveBeenCalledOnce();
    expect(await mapped.next()).toEqual(done);
  });

  test('throws an error of the function otherwise, and ends its source', async () => {
    const onEnd = vi.fn();
    const source = generateStream(async function* () {
      yield 1;
    }, onEnd);
    const mapped = mapStream(source, { map: () => Promise.reject(new Error('one')) });
    await expect(mapped.next()).rejects.toThrow('one');
    expect(onEnd).toHaveBeenCalledOnce();
  });
});
