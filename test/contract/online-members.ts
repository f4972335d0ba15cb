import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createOnlineMembers } from '../../api/domain/online-members.ts';
import type { Entry } from '../../api/events.ts';
import type { Database } from '../../api/infra/database/database.ts';
import type { ChannelListener } from '../../api/live/channel-signals.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { headOf, signalOf } from '../support/signals.ts';
import type { StateUnderTest } from './state.ts';

const leaseMs = 1_000;

/** Describes how nodes keep the numbers of online members over a state. */
export function describeOnlineMembers(name: string, create: () => Promise<StateUnderTest>): void {
  describe(`online members over state ${name}`, () => {
    /** Members of each channel, as in the database. */
    const stored = new Map<string, string[]>();
    const readMembers = vi.fn((_reader: string, _statement: unknown, { channelIds }: { channelIds: string[] }) =>
      Promise.resolve(channelIds.map((channelId) => ({ channelId, userIds: [...(stored.get(channelId) ?? [])] }))),
    );
    const listeners = new Map<ChannelListener, Set<string>>();
    let isLost = false;
    let under: StateUnderTest;
    let pubsub: ReturnType<typeof createLossyPubSub>;
    let nodes: ReturnType<typeof createNode>[];

    function createNode({ maxKept = 1_000, checkMs = 15_000 } = {}) {
      const channels = {
        async follow(channelId: string, one: ChannelListener) {
          listeners.set(one, (listeners.get(one) ?? new Set()).add(channelId));
          return headOf(channelId, 1);
        },
        unfollow: (channelId: string, one: ChannelListener) => void listeners.get(one)?.delete(channelId),
      };
      const database = { read: readMembers as unknown as Database['read'] };
      const { presence } = under.state;
      return createOnlineMembers({
        database,
        presence,
        pubsub,
        channels,
        maxKept,
        checkMs,
        logger: createTestLogger(),
      });
    }

    beforeEach(async () => {
      isLost = false;
      stored.clear();
      stored.set('room', ['ada', 'bob', 'carol']);
      under = await create();
      pubsub = createLossyPubSub(() => (isLost ? 'lose' : 'deliver'));
      nodes = [createNode(), createNode()];
      for (const node of nodes) await node.start();
      readMembers.mockClear();
    });
    afterEach(async () => {
      for (const node of nodes) await node.stop();
      await under.dispose();
    });

    async function connect(...userIds: string[]): Promise<void> {
      const { online, offline } = await under.state.presence.renew('one', userIds, leaseMs);
      await pubsub.publish('presence', [...online, ...offline]);
    }

    async function disconnect(userId: string): Promise<void> {
      await pubsub.publish('presence', await under.state.presence.end('one', [userId]));
    }

    function change(channelId: string, userIds: string[]): void {
      stored.set(channelId, userIds);
      const joined = { position: 1, kind: 'JOINED' } as Entry;
      for (const [{ onSignal }, followed] of listeners)
        if (followed.has(channelId)) onSignal(signalOf(channelId, [joined]));
    }

    const counts = (channelId = 'room') => Promise.all(nodes.map(async (node) => (await node.of(channelId)).count));
    const becomes = (count: number) =>
      vi.waitFor(async () => expect(await counts()).toEqual([count, count]), { timeout: 5_000 });

    test('follow connections and their ends on every node', async () => {
      expect(await counts()).toEqual([0, 0]);
      await connect('bob', 'stranger');
      await becomes(1);
      await connect('ada');
      await becomes(2);
      expect((await nodes[0]?.of('room'))?.firstIds()).toEqual(['ada', 'bob']);
      await disconnect('ada');
      await becomes(1);
      expect((await nodes[1]?.of('room'))?.firstIds()).toEqual(['bob']);
      expect(readMembers).toHaveBeenCalledTimes(nodes.length);
    });

    test('follow expired leases', async () => {
      await connect('ada', 'bob');
      expect(await counts()).toEqual([2, 2]);
      await under.advance(leaseMs + 1);
      await connect('carol');
      await becomes(1);
    });

    test('follow users who join and leave', async () => {
      await connect('ada', 'bob', 'dave');
      expect(await counts()).toEqual([2, 2]);
      change('room', ['ada', 'bob', 'dave']);
      await becomes(3);
      change('room', ['bob']);
      await becomes(1);
      expect((await nodes[0]?.of('room'))?.firstIds()).toEqual(['bob']);
    });

    test('are corrected after signals were lost', async () => {
      expect(await counts()).toEqual([0, 0]);
      isLost = true;
      await connect('ada');
      stored.set('room', ['ada']);
      pubsub.reconnect();
      await becomes(1);
    });

    test('cost no reading for each request', async () => {
      const online = vi.spyOn(under.state.presence, 'online');
      for (let n = 0; n < 10; n++) await counts();
      expect(readMembers).toHaveBeenCalledTimes(nodes.length);
      expect(online).toHaveBeenCalledTimes(nodes.length);
    });

    test('of more channels at once than are kept are counted', async () => {
      const node = createNode({ maxKept: 5 });
      const rooms = Array.from({ length: 12 }, (_, n) => `room ${n}`);
      for (const room of rooms) stored.set(room, ['ada', 'bob', 'carol']);
      await connect('ada', 'bob');
      const found = await Promise.all(rooms.map((room) => node.of(room)));
      expect(found.map(({ count, firstIds }) => [count, firstIds()])).toEqual(rooms.map(() => [2, ['ada', 'bob']]));
    });

    test('are read again after a reading for a changed membership failed', async () => {
      const node = createNode({ checkMs: 3_600_000 });
      nodes.push(node);
      await node.start();
      expect((await node.of('room')).count).toBe(0);
      await connect('dave');
      readMembers.mockRejectedValueOnce(new Error('away'));
      change('room', ['dave']);
      await expect(node.of('room')).rejects.toThrow('away');
      await vi.waitFor(async () => expect((await node.of('room')).count).toBe(1), { timeout: 5_000 });
    });

    test('are not read any longer once the node has stopped while the state is unavailable', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const [node] = nodes;
        let fail = (_error: Error) => {};
        const failing = new Promise<Set<string>>((_, reject) => {
          fail = reject;
        });
        const online = vi.spyOn(under.state.presence, 'online').mockReturnValue(failing);
        const counting = node?.of('room');
        await vi.waitFor(() => expect(online).toHaveBeenCalledTimes(1));
        await node?.stop();
        const before = vi.getTimerCount();
        fail(new Error('away'));
        await counting;
        expect(vi.getTimerCount()).toBe(before);
      } finally {
        vi.useRealTimers();
      }
    });

    test('of channels that were asked for least recently are forgotten above a number of members', async () => {
      const node = createNode({ maxKept: 5 });
      stored.set('another room', ['ada', 'bob', 'dave']);
      await connect('ada', 'bob');
      for (const channelId of ['room', 'another room', 'room']) {
        expect((await node.of(channelId)).count).toBe(2);
        expect(node.size()).toBe(3);
      }
    });
  });
}
