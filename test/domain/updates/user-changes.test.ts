import { expect, test } from 'vitest';
import type { OwnEvent } from '../../../api/domain/updates/own-events.ts';
import { createUserChanges, type UserState, type UserStream } from '../../../api/domain/updates/user-changes.ts';
import { ignore } from '../../../api/ignore.ts';

/** A promise that the test settles. */
function createGate() {
  let open: () => void = ignore;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Creates a user of one channel with one stream. */
function createUser(): { user: UserState; told: OwnEvent[] } {
  const told: OwnEvent[] = [];
  const stream = { own: { add: (event: OwnEvent) => void told.push(event) } } as unknown as UserStream;
  const user: UserState = {
    userId: 'ada',
    streams: new Set([stream]),
    live: new Set([stream]),
    channels: new Map([['room', 1]]),
    starts: new Map(),
    invitations: new Set(),
    references: 1,
    blockedIds: new Set(),
    reloads: Promise.resolve(),
    isReloadQueued: false,
    comparisons: Promise.resolve(),
    onRemovedChannel: ignore,
    onSignal: ignore,
    readerOf: (_channelId, position) => ({ position, judge: () => null }),
    onJudged: ignore,
  };
  return { user, told };
}

test('blocks that begin while others are looked up are known, so that their end is told', async () => {
  let blocked: string[] = [];
  const gate = createGate();
  const asked: string[][] = [];
  const changes = createUserChanges({
    channels: { follow: async () => {}, unfollow: ignore, enter: () => undefined, observe: () => undefined },
    memberships: {
      read: async () => new Map(),
      blocked: async () => blocked,
      async shared(channelIds, userIds) {
        asked.push([...userIds]);
        if (asked.length === 1) await gate.opened;
        return channelIds;
      },
    },
    onError: (error) => expect.fail(String(error)),
  });
  const { user, told } = createUser();
  blocked = ['bob'];
  const first = changes.compareBlocks(user);
  await expect.poll(() => asked).toEqual([['bob']]);
  blocked = ['bob', 'eve'];
  const second = changes.compareBlocks(user);
  // A comparison that did not wait for the first one would end now.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  gate.open();
  await Promise.all([first, second]);
  expect(asked).toEqual([['bob'], ['eve']]);
  blocked = ['bob'];
  await changes.compareBlocks(user);
  expect(asked).toEqual([['bob'], ['eve'], ['eve']]);
  expect(told).toEqual(Array.from({ length: 3 }, () => ({ type: 'resync', channelId: 'room' })));
});
