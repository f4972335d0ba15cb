import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChannelSignal, channelTopic } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { headOf } from '../support/signals.ts';

const topic = channelTopic('c');

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
      await pubsub.subscribe(topic, ({ head }) => seen.push(head.position));

      for (let n = 0; n < 50; n++) await pubsub.publish(topic, signal(n));

      await vi.waitFor(() => expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => n)));
    });

    test('delivers a separate copy of a message to each subscriber of its topic, and to no other', async () => {
      const seen: ChannelSignal[] = [];
      const others: unknown[] = [];
      await pubsub.subscribe(topic, (signal) => seen.push(signal));
      await pubsub.subscribe(topic, (signal) => seen.push(signal));
      await pubsub.subscribe('presence', (sessions) => others.push(sessions));
      const message = signal(1);

      await pubsub.publish(topic, message);

      await vi.waitFor(() => expect(seen).toEqual([message, message]));
      expect(seen[0]).not.toBe(message);
      expect(seen[0]).not.toBe(seen[1]);
      expect(others).toEqual([]);
    });

    test('delivers to other listeners if one throws', async () => {
      const seen: unknown[] = [];
      await pubsub.subscribe('presence', () => {
        throw new Error('a bad listener');
      });
      await pubsub.subscribe('presence', (sessions) => seen.push(sessions));

      await pubsub.publish('presence', ['a']);
      await pubsub.publish('presence', ['b']);

      await vi.waitFor(() => expect(seen).toEqual([['a'], ['b']]));
    });

    test('does not call a listener after it has unsubscribed', async () => {
      const seen: unknown[] = [];
      const kept: unknown[] = [];
      const unsubscribe = await pubsub.subscribe('presence', (sessions) => seen.push(sessions));
      await pubsub.subscribe('presence', (sessions) => kept.push(sessions));
      await unsubscribe();

      await pubsub.publish('presence', ['a']);

      await vi.waitFor(() => expect(kept).toHaveLength(1));
      expect(seen).toEqual([]);
    });

    test('reports that it is ready and connected', async () => {
      await expect(pubsub.ready()).resolves.toBeUndefined();
      expect(pubsub.connected()).toBe(true);
    });
  });
}

function signal(position: number): ChannelSignal {
  return { head: headOf('c', position), entries: [] };
}
