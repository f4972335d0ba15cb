import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createProfileSignals } from '../../api/domain/profile-signals.ts';
import { type ChannelSignal, channelTopic, userTopic } from '../../api/events.ts';
import type { Database } from '../../api/infra/database/database.ts';
import { openDatabase } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let database: Awaited<ReturnType<typeof openDatabase>>;
const ada = randomUUID();
const rooms = Array.from({ length: 5 }, () => randomUUID());
const left = randomUUID();

beforeAll(async () => {
  database = await openDatabase();
  await database.query('INSERT INTO users (id, name, created_at) VALUES ($1, $2, now())', [ada, 'Ada']);
  for (const id of [...rooms, left]) {
    await database.query(
      `INSERT INTO channel (id, kind, visibility, created_at, last_activity_at, position, seq, version)
       VALUES ($1, 'ROOM', 'PUBLIC', now(), now(), 7, 6, 8)`,
      [id],
    );
    await database.query(
      `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq) VALUES ($1, $2, 'MEMBER', $3, now(), 0)`,
      [id, ada, id === left ? 'LEFT' : 'ACTIVE'],
    );
  }
});
afterAll(() => database.stop());

test('a changed profile is told to the user and, in portions, to each channel of the user', async () => {
  const pubsub = createLossyPubSub(() => 'deliver');
  const read = vi.fn(database.read as Database['read']) as unknown as Database['read'];
  const profiles = createProfileSignals({ database: { read }, pubsub, portion: 2, logger: createTestLogger() });
  const onUser = vi.fn();
  const heard: ChannelSignal[] = [];
  await pubsub.subscribe(userTopic(ada), onUser);
  for (const id of [...rooms, left]) await pubsub.subscribe(channelTopic(id), (signal) => heard.push(signal));

  await profiles.publish(ada);

  expect(onUser).toHaveBeenCalledExactlyOnceWith({ type: 'profile' });
  expect(heard.map(({ head }) => head.channelId)).toEqual(rooms.toSorted());
  expect(heard[0]).toMatchObject({ head: { position: 7, seq: 6, version: 8 }, entries: [], profileOf: ada });
  expect(read).toHaveBeenCalledTimes(3);
});

test('changes that come while channels are being told are told together', async () => {
  const read = vi.fn(database.read as Database['read']) as unknown as Database['read'];
  const pubsub = createLossyPubSub(() => 'deliver');
  const profiles = createProfileSignals({ database: { read }, pubsub, logger: createTestLogger() });
  await Promise.all(Array.from({ length: 10 }, () => profiles.publish(ada)));
  expect(vi.mocked(read).mock.calls.length).toBeLessThanOrEqual(2);
});

test('a failure is logged', async () => {
  const logger = createTestLogger();
  const read = () => Promise.reject(new Error('away'));
  await createProfileSignals({ database: { read }, pubsub: createLossyPubSub(() => 'deliver'), logger }).publish(ada);
  expect(logger.lines).toMatchObject([{ level: 'warn' }]);
});
