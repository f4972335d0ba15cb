import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChannelSignal, channelTopic, type Entry, type Head } from '../../api/events.ts';
import type { ChannelListener, ChannelSignals } from '../../api/live/channel-signals.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';
import { createTestChannelSignals, headOf, signalOf } from '../support/signals.ts';

const everyMs = 10_000;
const perSecond = 10;

/** Version of each channel, as in the database. */
const stored = new Map<string, number>();
const heads = vi.fn(
  async (ids: readonly string[]) => new Map(ids.map((id): [string, Head] => [id, headOf(id, stored.get(id) ?? 0)])),
);
let fate: Fate;
let isConnected: boolean;
let pubsub: ReturnType<typeof createLossyPubSub>;
let channels: ChannelSignals;
let heard: ChannelSignal[];
let listener: ChannelListener;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  stored.clear();
  stored.set('room', 1);
  fate = 'deliver';
  isConnected = true;
  heard = [];
  listener = { onSignal: (signal) => heard.push(signal) };
  pubsub = createLossyPubSub(() => fate);
  channels = createTestChannelSignals({ ...pubsub, connected: () => isConnected }, { heads }, { everyMs, perSecond });
  await channels.start();
  heads.mockClear();
});
afterEach(async () => {
  await channels.stop();
  vi.useRealTimers();
});

/** Changes a channel and publishes its signal, as a bridge does. */
async function change(channelId: string, version: number): Promise<void> {
  stored.set(channelId, version);
  await pubsub.publish(channelTopic(channelId), signalOf(channelId, [{ position: version } as Entry]));
}

async function followMany(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, n) => `channel ${n}`);
  for (const name of names) stored.set(name, 1);
  await Promise.all(names.map((name) => channels.follow(name, listener)));
  heads.mockClear();
  return names;
}

const versions = () => heard.map(({ head }) => head.version);
const asked = () => heads.mock.calls.map(([ids]) => ids.length);

describe('followed channels', () => {
  test('tell listeners of their changes, and of no other channel', async () => {
    expect(await channels.follow('room', listener)).toMatchObject({ position: 1, version: 1 });
    await change('another room', 5);
    await change('room', 2);
    expect(heard).toEqual([signalOf('room', [{ position: 2 } as Entry])]);
    expect(channels.head('room')).toMatchObject({ version: 2 });
  });

  test('share one subscription and one reading among listeners, until the last one leaves', async () => {
    const subscribe = vi.spyOn(pubsub, 'subscribe');
    const other: ChannelListener = { onSignal: vi.fn() };
    await Promise.all([channels.follow('room', listener), channels.follow('room', other)]);
    await channels.follow('room', listener);
    expect(asked()).toEqual([1]);
    channels.unfollow('room', other);
    channels.unfollow('room', other);
    await change('room', 2);
    expect(versions()).toEqual([2]);
    expect(other.onSignal).not.toHaveBeenCalled();
    channels.unfollow('room', listener);
    await change('room', 3);
    expect([versions(), channels.size()]).toEqual([[2], 0]);
    subscribe.mockRestore();
  });

  test('pass on entries that are doubled, and no repeated head', async () => {
    await channels.follow('room', listener);
    fate = 'double';
    await change('room', 2);
    await pubsub.publish(channelTopic('room'), { head: headOf('room', 2), entries: [] });
    expect(versions()).toEqual([2, 2]);
  });

  test('tell of a change whose repeated signal comes after a later one', async () => {
    await channels.follow('room', listener);
    await change('room', 3);
    await pubsub.publish(channelTopic('room'), { head: headOf('room', 2), entries: [] });
    await pubsub.publish(channelTopic('room'), { head: headOf('room', 3, { changed: true }), entries: [] });
    expect(heard.map(({ head: { version, changed } }) => [version, changed])).toEqual([
      [3, false],
      [2, false],
      [3, true],
    ]);
    expect(channels.head('room')).toMatchObject({ version: 3 });
  });

  test('tell of a change whose signal comes after the profile of a member', async () => {
    await channels.follow('room', listener);
    await pubsub.publish(channelTopic('room'), { head: headOf('room', 2), entries: [], profileOf: 'ada' });
    await pubsub.publish(channelTopic('room'), { head: headOf('room', 2), entries: [] });
    expect(heard.map(({ head: { version }, profileOf }) => [version, profileOf])).toEqual([
      [2, 'ada'],
      [2, undefined],
    ]);
  });

  test('that cannot be read are not followed', async () => {
    heads.mockRejectedValueOnce(new Error('away'));
    await expect(channels.follow('room', listener)).rejects.toThrow('away');
    expect(channels.size()).toBe(0);
    await channels.follow('room', listener);
    await change('room', 2);
    expect(versions()).toEqual([2]);
  });

  test('that nobody follows any longer when the subscription is live are left', async () => {
    const following = channels.follow('room', listener);
    channels.unfollow('room', listener);
    await following;
    await change('room', 2);
    expect([channels.size(), heard]).toEqual([0, []]);
  });
});

describe('the verification of channels', () => {
  test('finds a change that no signal told, and tells it once', async () => {
    await channels.follow('room', listener);
    fate = 'lose';
    await change('room', 2);
    await vi.advanceTimersByTimeAsync(3 * everyMs);
    expect(heard).toEqual([{ head: headOf('room', 2), entries: [] }]);
  });

  test('finds a change that no signal told, although the profile of a member was told after it', async () => {
    await channels.follow('room', listener);
    stored.set('room', 2);
    await pubsub.publish(channelTopic('room'), { head: headOf('room', 2), entries: [], profileOf: 'ada' });
    heard = [];
    await channels.check();
    expect(heard).toEqual([{ head: headOf('room', 2), entries: [] }]);
  });

  test('reads few channels in one page, and none more often than every ten seconds', async () => {
    await followMany(5);
    await vi.advanceTimersByTimeAsync(10 * everyMs);
    expect(asked().every((count) => count === 5)).toBe(true);
    expect(asked().length).toBeGreaterThanOrEqual(7);
    expect(asked().length).toBeLessThanOrEqual(10);
  });

  test('reads many channels in turn, at most so many a second', async () => {
    const names = await followMany(25 * perSecond);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked().every((count) => count === perSecond)).toBe(true);
    expect(asked().length).toBeGreaterThanOrEqual(17);
    expect(asked().length).toBeLessThanOrEqual(23);
    const read = heads.mock.calls.flatMap(([ids]) => ids);
    expect(read).toEqual(names.slice(0, read.length));
  });

  test.each([
    ['after a reconnect', () => pubsub.reconnect()],
    ['when a bridge takes over a partition', () => pubsub.publish('takeovers', { partition: 0, from: 1 })],
  ])('reads everything in pages, once, %s', async (_, act) => {
    await followMany(2 * perSecond + 5);
    stored.set('channel 3', 7);
    await act();
    await act();
    expect(channels.mayMiss()).toBe(true);
    await vi.advanceTimersByTimeAsync(250);
    expect(asked()).toEqual([perSecond, perSecond, 5]);
    expect(heard.map(({ head }) => [head.channelId, head.version])).toEqual([['channel 3', 7]]);
    expect(channels.mayMiss()).toBe(false);
  });

  test('tries everything again after it failed', async () => {
    await followMany(2);
    heads.mockRejectedValueOnce(new Error('away'));
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(250);
    expect([asked(), channels.mayMiss()]).toEqual([[2], true]);
    await vi.advanceTimersByTimeAsync(1_250);
    expect([asked(), channels.mayMiss()]).toEqual([[2, 2], false]);
  });

  test('reads everything every second while pubsub is away', async () => {
    await followMany(perSecond + 1);
    isConnected = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked().length).toBeGreaterThanOrEqual(2 * 4);
    expect(channels.mayMiss()).toBe(true);
  });

  test('tells that the database was restored', async () => {
    const onRestored = vi.fn();
    await channels.follow('room', { onSignal: (signal) => heard.push(signal), onRestored });
    await channels.follow('room', listener);
    await change('room', 5);
    heard = [];
    stored.set('room', 3);
    await channels.check();
    expect(onRestored).toHaveBeenCalledExactlyOnceWith(headOf('room', 3));
    expect(versions()).toEqual([3]);
    await change('room', 4);
    expect(versions()).toEqual([3, 4, 4]);
  });

  test('compares with the position that a listener has, which may be above that of the signals', async () => {
    const onRestored = vi.fn();
    await channels.follow('room', { onSignal: () => {}, onRestored, last: () => 8 });
    stored.set('room', 7);
    await channels.check();
    expect(onRestored).toHaveBeenCalledOnce();
  });

  test('takes no signal for a restored database that came while the database was read', async () => {
    const onRestored = vi.fn();
    await channels.follow('room', { ...listener, onRestored });
    heads.mockImplementationOnce(async (ids) => {
      await change('room', 2);
      return new Map(ids.map((id): [string, Head] => [id, headOf(id, 1)]));
    });
    await channels.check();
    expect(onRestored).not.toHaveBeenCalled();
    expect([versions(), channels.head('room')?.version]).toEqual([[2], 2]);
  });
});
