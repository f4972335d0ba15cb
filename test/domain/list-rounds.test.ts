import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createListRounds, type Follower } from '../../api/domain/list-rounds.ts';
import { type ListRound, listRoundOf } from '../../api/list-round.ts';
import { generateStream } from '../../api/live/stream.ts';
import { createPacer } from '../../api/pacer.ts';

const windowMs = 1_000;

/** Updates that followers got, in order. */
const told: { name: string; channelId: string; round: ListRound }[] = [];
let rounds: ReturnType<typeof createListRounds>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  told.length = 0;
  rounds = createListRounds({ windowMs, pacer: createPacer({ sliceMs: 1 }), partSize: 3 });
});
afterEach(() => {
  rounds.stop();
  vi.useRealTimers();
});

/** Creates a follower that reads its updates as they come. */
function follower(name: string, work: (round: ListRound) => Promise<unknown> = async () => {}): Follower {
  const created = rounds.createFollower();
  const stream = generateStream(created.events);
  void (async () => {
    for await (const { channelId, round } of stream) {
      told.push({ name, channelId, round });
      await work(round);
    }
  })();
  return created;
}

/** Waits until this many updates were told. */
const untilTold = (count: number) => vi.waitFor(() => expect(told).toHaveLength(count));

test('all followers who learn of a change in one moment belong to one round', async () => {
  for (const one of ['a', 'b', 'c', 'd'].map((name) => follower(name))) rounds.add(one, 'room');
  await untilTold(4);
  expect(new Set(told.map(({ round }) => round)).size).toBe(1);
  expect(told.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
});

test('a round is loaded once for each part, when no execution can go on without it', async () => {
  const loads: string[][] = [];
  let asked: string[] = [];
  const load = (name: string) => async (round: ListRound) => {
    asked.push(name);
    if (asked.length > 1) return;
    round.gather(() => {
      loads.push(asked);
      asked = [];
    });
  };
  for (const one of ['a', 'b', 'c', 'd', 'e'].map((name) => follower(name, load(name)))) rounds.add(one, 'room');
  await vi.waitFor(() => expect(loads.flat()).toHaveLength(5));
  expect(loads).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]);
});

test('loaders are shared within a part, and no longer than until the next round may begin', async () => {
  const shared: unknown[] = [];
  const share = async (round: ListRound) => {
    round.shared ??= { made: shared.length };
    shared.push(round.shared);
  };
  for (const one of ['a', 'b', 'c', 'd'].map((name) => follower(name, share))) rounds.add(one, 'room');
  await untilTold(4);
  expect(shared).toEqual([{ made: 0 }, { made: 0 }, { made: 0 }, { made: 3 }]);
  const [event] = told as [(typeof told)[number]];
  expect(listRoundOf(event)).toBe(event.round);
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
  await vi.advanceTimersByTimeAsync(windowMs);
  expect(listRoundOf(event)).toBeUndefined();
  expect(event.round.shared).toBeNull();
});

test('the next part waits until the loads of the one before have ended', async () => {
  let release = () => {};
  const loaded = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wait = (round: ListRound) => round.track(loaded);
  for (const one of ['a', 'b', 'c', 'd'].map((name) => follower(name, wait))) rounds.add(one, 'room');
  const other = follower('other');
  rounds.add(other, 'another room');
  await untilTold(4);
  expect(told.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c', 'other']);
  release();
  await untilTold(5);
});

test('a channel has one round in each window, also for followers who learn of other changes', async () => {
  const [one, two] = [follower('one'), follower('two')];
  rounds.add(one, 'room');
  await untilTold(1);
  rounds.add(one, 'room');
  rounds.add(two, 'room');
  expect(rounds.size()).toBe(2);
  await told[0]?.round.settled();
  await vi.advanceTimersByTimeAsync(windowMs);
  await untilTold(3);
  expect(told[1]?.round).toBe(told[2]?.round);
});

test('a follower who reads late gets each changed channel once, in the order of the changes', async () => {
  const created = rounds.createFollower();
  for (const channelId of ['room', 'another room']) rounds.add(created, channelId);
  await vi.waitFor(() => expect(rounds.size()).toBe(0));
  await vi.advanceTimersByTimeAsync(windowMs);
  rounds.add(created, 'room');
  await vi.waitFor(() => expect(rounds.size()).toBe(0));
  const events = generateStream(created.events);
  const read = [(await events.next()).value, (await events.next()).value];
  expect(read.map((event) => event?.channelId)).toEqual(['room', 'another room']);
});

test('a follower who has ended is told nothing, and nothing of it stays', async () => {
  const one = follower('one');
  rounds.add(one, 'room');
  rounds.remove(one);
  expect(rounds.size()).toBe(0);
  const two = follower('two');
  rounds.add(two, 'another room');
  await untilTold(1);
  expect(told[0]?.name).toBe('two');
});

test('nothing waits for a next round after the end', async () => {
  rounds.add(follower('a'), 'room');
  rounds.stop();
  await untilTold(1);
  const [{ round }] = told as [(typeof told)[number]];
  await round.settled();
  await new Promise(setImmediate);
  rounds.add(follower('b'), 'another room');
  await new Promise(setImmediate);
  expect([told.length, vi.getTimerCount()]).toEqual([1, 0]);
});
