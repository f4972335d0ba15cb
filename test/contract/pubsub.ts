import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Head, matchTopic } from '../../api/events.ts';
import { type PubSub, SubscriberOverflowError } from '../../api/infra/pubsub/pubsub.ts';

/** Describes the behavior that every pubsub shares. */
export function describePubSub(
  name: string,
  create: () => Promise<{ pubsub: PubSub; dispose(): Promise<void> }>,
): void {
  describe(`pubsub ${name}`, () => {
    let pubsub: PubSub;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      ({ pubsub, dispose } = await create());
    });
    afterEach(() => dispose());

    test('delivers to a live subscriber every message, in order', async () => {
      const seen: number[] = [];
      await pubsub.subscribe('heads', (heads) => seen.push(...heads.map(({ position }) => position)));

      for (let n = 0; n < 50; n++) await pubsub.publish('heads', [head(n)]);

      await vi.waitFor(() => expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => n)));
    });

    test('delivers a separate copy of a message to each subscriber of its topic, and to no other', async () => {
      const seen: (readonly Head[])[] = [];
      const others: unknown[] = [];
      await pubsub.subscribe('heads', (heads) => seen.push(heads));
      await pubsub.subscribe('heads', (heads) => seen.push(heads));
      await pubsub.subscribe('sessions', (sessions) => others.push(sessions));
      const message = [head(1)];

      await pubsub.publish('heads', message);

      await vi.waitFor(() => expect(seen).toEqual([message, message]));
      expect(seen[0]).not.toBe(message);
      expect(seen[0]).not.toBe(seen[1]);
      expect(others).toEqual([]);
    });

    test('delivers to other listeners if one throws', async () => {
      const seen: unknown[] = [];
      await pubsub.subscribe('sessions', () => {
        throw new Error('a bad listener');
      });
      await pubsub.subscribe('sessions', (sessions) => seen.push(sessions));

      await pubsub.publish('sessions', ['a']);
      await pubsub.publish('sessions', ['b']);

      await vi.waitFor(() => expect(seen).toEqual([['a'], ['b']]));
    });

    test('does not call a listener after it has unsubscribed', async () => {
      const seen: unknown[] = [];
      const kept: unknown[] = [];
      const unsubscribe = await pubsub.subscribe('sessions', (sessions) => seen.push(sessions));
      await pubsub.subscribe('sessions', (sessions) => kept.push(sessions));
      await unsubscribe();

      await pubsub.publish('sessions', ['a']);

      await vi.waitFor(() => expect(kept).toHaveLength(1));
      expect(seen).toEqual([]);
    });

    test('streams a topic to one reader until the signal aborts', async () => {
      const controller = new AbortController();
      const stream = await pubsub.stream('sessions', { limit: 10, signal: controller.signal });
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const sessions of stream) seen.push(sessions);
      })();

      await pubsub.publish('sessions', ['a']);
      await vi.waitFor(() => expect(seen).toEqual([['a']]));
      controller.abort();

      await reading;
    });

    test('ends a stream that is not read fast enough with a typed error, after its buffered messages', async () => {
      const stream = await pubsub.stream('sessions', { limit: 2, signal: new AbortController().signal });
      const barrier: unknown[] = [];
      await pubsub.subscribe(matchTopic('barrier'), (message) => barrier.push(message));
      for (const session of ['a', 'b', 'c']) await pubsub.publish('sessions', [session]);
      await pubsub.publish(matchTopic('barrier'), null);
      await vi.waitFor(() => expect(barrier).toHaveLength(1));

      const seen: unknown[] = [];
      const read = async () => {
        for await (const sessions of stream) seen.push(sessions);
      };

      await expect(read()).rejects.toBeInstanceOf(SubscriberOverflowError);
      expect(seen).toEqual([['a'], ['b']]);
    });

    test('reports that it is ready and connected', async () => {
      await expect(pubsub.ready()).resolves.toBeUndefined();
      expect(pubsub.connected()).toBe(true);
    });
  });
}

function head(position: number): Head {
  return { channelId: 'c', position, seq: position, version: 1, userIds: [] };
}
