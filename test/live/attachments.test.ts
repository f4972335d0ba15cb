import { beforeEach, describe, expect, test, vi } from 'vitest';
import { RateLimitedError } from '../../api/errors.ts';
import type { Attachment, AudiencesOptions } from '../../api/live/audiences.ts';
import type { LiveSource, Positioned, Reader } from '../../api/live/live-source.ts';
import { cursorPlaceholder } from '../../api/live/result-frames.ts';
import { createTestAudiences } from '../support/audiences.ts';
import { createFakeOutbox } from '../support/outbox.ts';

/** A source with everything in memory. */
function createSource() {
  const items: Positioned[] = [];
  const listeners = new Set<() => void>();
  let failure: Error | null = null;
  const notify = () => {
    for (const listener of [...listeners]) listener();
  };
  const source: LiveSource<Positioned> = {
    channelId: 'room',
    kind: 'entry',
    last: () => items.length,
    since(position) {
      if (failure) throw failure;
      return { entries: items.slice(position), through: Math.max(items.length, position), more: false };
    },
    read: () => Promise.reject(new Error('everything is in memory')),
    version: () => 0,
    current: (some) => some,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    source,
    push() {
      items.push({ position: items.length + 1 });
      notify();
    },
    fail(error: Error) {
      failure = error;
      notify();
    },
  };
}

/** A subscription of several sources, which reads its cursors and results. */
function createSubscription() {
  const cursors: string[] = [];
  const received: string[] = [];
  let text = 'a';
  const frozen: string[] = [];
  const take = (frames: Buffer) => {
    for (const [, payload, cursor] of String(frames).matchAll(/"payload":\["(\w+)","(\w+)"\]/g)) {
      received.push(payload ?? '');
      cursors.push(cursor ?? '');
    }
  };
  const cursor = {
    text: () => frozen[0] ?? text,
    freeze: () => void frozen.push(text),
    thaw: () => void frozen.pop(),
  };
  const outbox = createFakeOutbox({ add: take, send: async (frames) => take(frames) });
  return {
    sink: { outbox, idJson: '"1"', resultType: 'next' as const, viewer: { name: 'ada' }, cursor },
    cursors,
    received,
    frozen: () => frozen.length,
    move(next: string) {
      text = next;
    },
  };
}

const settle = () => new Promise(setImmediate);

describe('a subscription of several sources', () => {
  let controlled: ReturnType<typeof createSource>;
  let audiences: ReturnType<typeof createTestAudiences>;
  /** Executions that wait until the test lets them go on; null executes at once. */
  let waiting: (() => void)[] | null;

  beforeEach(() => {
    controlled = createSource();
    waiting = null;
  });

  function setUp(options: Partial<AudiencesOptions> = {}) {
    audiences = createTestAudiences(options);
  }

  async function execute(items: readonly unknown[], viewer: object | null) {
    await new Promise<void>((resolve) => (waiting ? waiting.push(resolve) : resolve()));
    return (items as Positioned[]).map(({ position }) =>
      Buffer.from(JSON.stringify([`${viewer ? 'own' : ''}${position}`, cursorPlaceholder])),
    );
  }

  function attach(
    { sink }: Pick<ReturnType<typeof createSubscription>, 'sink'>,
    reader: Partial<Reader<Positioned>> = {},
    { key = 'all', points = 20, onEnd = vi.fn() } = {},
  ): Attachment & { onEnd: ReturnType<typeof vi.fn> } {
    const stream = { source: controlled.source, reader: { position: 0, judge: () => null, ...reader } };
    const selection = { key, client: 'ada', points, hasCursor: true, make: () => execute };
    return { ...audiences.attach(stream, selection, { sink, onEnd }), onEnd };
  }

  test('gets the shared results with its own cursor', async () => {
    setUp();
    const [ada, bob] = [createSubscription(), createSubscription()];
    attach(ada);
    attach(bob);
    bob.move('longer');
    controlled.push();
    await settle();
    ada.move('b');
    controlled.push();
    await settle();
    expect([ada.received, ada.cursors]).toEqual([
      ['1', '2'],
      ['a', 'b'],
    ]);
    expect([bob.received, bob.cursors]).toEqual([
      ['1', '2'],
      ['longer', 'longer'],
    ]);
  });

  test('knows how far the subscribers of a source are', async () => {
    setUp();
    waiting = [];
    const { leave, position } = attach(createSubscription());
    expect(position()).toBe(0);
    controlled.push();
    await settle();
    expect(position()).toBe(0);
    for (const goOn of waiting) goOn();
    await settle();
    expect(position()).toBe(1);
    leave();
    expect(position()).toBe(Number.POSITIVE_INFINITY);
    expect(audiences.size()).toBe(0);
  });

  test('keeps its cursor while it is behind', async () => {
    setUp();
    controlled.push();
    waiting = [];
    const ada = createSubscription();
    const { position } = attach(ada);
    expect([ada.frozen(), position()]).toEqual([1, Number.POSITIVE_INFINITY]);
    ada.move('b');
    await settle();
    for (const goOn of waiting.splice(0)) goOn();
    await settle();
    expect([ada.received, ada.cursors, ada.frozen()]).toEqual([['1'], ['a'], 0]);
    waiting = null;
    controlled.push();
    await settle();
    expect(ada.cursors).toEqual(['a', 'b']);
  });

  test('keeps its cursor while an item is executed for it alone, and no longer than it is attached', async () => {
    setUp();
    const ada = createSubscription();
    const { leave } = attach(ada, { judge: ({ position }) => (position === 1 ? 'alone' : null) });
    controlled.push();
    await settle();
    expect([ada.received, ada.frozen()]).toEqual([['own1'], 0]);
    waiting = [];
    const behind = createSubscription();
    const other = attach(behind);
    expect(behind.frozen()).toBe(1);
    other.leave();
    expect(behind.frozen()).toBe(0);
    leave();
  });

  test('is told of the end of a source', async () => {
    setUp();
    const { onEnd } = attach(createSubscription());
    controlled.fail(new Error('restarted'));
    await settle();
    expect(onEnd.mock.calls).toEqual([[new Error('restarted')]]);
    const late = attach(createSubscription());
    expect(late.onEnd.mock.calls).toEqual([[new Error('restarted')]]);
    expect(audiences.size()).toBe(0);
  });

  test('is charged once, and counts for each source', () => {
    const bounds = { perClientAndSource: 20, perClient: 20, perSource: 60, node: 20 };
    setUp({ bounds });
    const takeBack = audiences.charge({ client: 'ada', points: 20 });
    const first = attach(createSubscription(), {}, { key: 'one' });
    const second = attach(createSubscription(), {}, { key: 'two', points: 40 });
    expect(audiences.points()).toBe(60);
    expect(() => attach(createSubscription(), {}, { key: 'three' })).toThrow(RateLimitedError);
    attach(createSubscription(), {}, { key: 'two', points: 40 }).leave();
    first.leave();
    second.leave();
    takeBack();
    expect(audiences.points()).toBe(0);
  });
});
