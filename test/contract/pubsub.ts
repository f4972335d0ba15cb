import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ChangedHead } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { headOf } from '../support/signals.ts';

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
      const seen: (readonly ChangedHead[])[] = [];
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

    test('reports that it is ready and connected', async () => {
      await expect(pubsub.ready()).resolves.toBeUndefined();
      expect(pubsub.connected()).toBe(true);
    });
  });
}

function head(position: number): ChangedHead {
  return { ...headOf('c', position), userIds: [] };
}
