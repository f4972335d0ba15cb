import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Viewer } from '../../../api/domain/auth.ts';
import { createMatchRepair } from '../../../api/domain/cleanup/match-repair.ts';
import { createTestLogger } from '../../support/logger.ts';
import { createMatchingWorld, type MatchingWorld } from '../../support/matching.ts';

let world: MatchingWorld;
let isCaughtUp: boolean;
let repair: ReturnType<typeof createMatchRepair>;
beforeAll(async () => {
  world = await createMatchingWorld();
  const { database, pubsub, submit } = world;
  const guard = { isCaughtUp: async () => isCaughtUp };
  repair = createMatchRepair({ database, pubsub, submit, guard, logger: createTestLogger() });
});
afterAll(() => world.stop());

/** Matches two new users, and returns them with their channel. */
async function pair(): Promise<{ users: [Viewer, Viewer]; channelId: string }> {
  const matching = world.gateway();
  const [one, other] = await world.users(2);
  if (!one || !other) throw new Error('there are two users');
  await matching.match(one, { tags: [one.userId.slice(0, 30)], strict: true });
  const { channelId } = await matching.match(other, { tags: [one.userId.slice(0, 30)], strict: true });
  return { users: [one, other], channelId: channelId ?? '' };
}

async function isOpen(channelId: string): Promise<boolean> {
  const channel = await world.database.prisma.channel.findUniqueOrThrow({ where: { id: channelId } });
  return channel.closedAt === null;
}

test('a match whose claims a restored database lacks is closed once the log was replayed; other matches go on', async () => {
  const orphan = await pair();
  const other = await pair();
  await world.database.query('DELETE FROM match_claim WHERE channel_id = $1', [orphan.channelId]);

  isCaughtUp = false;
  await repair.step(null);
  expect(await isOpen(orphan.channelId)).toBe(true);

  isCaughtUp = true;
  await repair.step(null);
  expect([await isOpen(orphan.channelId), await isOpen(other.channelId)]).toEqual([false, true]);
  expect((await world.claims(other.users)).every(({ lasts }) => lasts)).toBe(true);
});

test('a claim that lasts although its channel is closed ends, so that both users can be matched again', async () => {
  const { users, channelId } = await pair();
  await world.database.query('UPDATE channel SET closed_at = now() WHERE id = $1', [channelId]);

  isCaughtUp = true;
  await repair.step(null);

  expect((await world.claims(users)).some(({ lasts }) => lasts)).toBe(false);
});
