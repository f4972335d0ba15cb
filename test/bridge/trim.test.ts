import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { maxTrimmed } from '../../api/bridge/trim.ts';
import { createHistoryTrimming } from '../../api/domain/cleanup/history-trimming.ts';
import { dayMs } from '../../api/domain/cleanup/job.ts';
import type { Submit } from '../../api/domain/submit-event.ts';
import { NotFoundError } from '../../api/errors.ts';
import { type ChannelSignal, channelTopic, type NewEvent } from '../../api/events.ts';
import { completeRound } from '../support/cleanup.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base } from '../support/events.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { openUpdatesGateway } from '../support/updates-gateway.ts';
import { createUpdatesWorld, sentBy, worldChannels } from '../support/updates-world.ts';

const [room = '', other = '', third = ''] = worldChannels;
let database: TestDatabase;
let pubsub: ReturnType<typeof createLossyPubSub>;
let world: Awaited<ReturnType<typeof createUpdatesWorld>>;

describe.each(databaseKinds)('old messages over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    pubsub = createLossyPubSub(() => 'deliver');
    world = await createUpdatesWorld(database, pubsub);
  });

  test('are removed in portions, from the first one on', async () => {
    await say(maxTrimmed + 50);
    await trim(maxTrimmed + 20);
    expect(await stateOf(room)).toMatchObject({ trimmedSeq: maxTrimmed, trimmedPosition: maxTrimmed, entries: 51 });
    await trim(maxTrimmed + 20);
    await trim(maxTrimmed + 20);
    const last = maxTrimmed + 20;
    expect(await stateOf(room)).toMatchObject({ trimmedSeq: last, trimmedPosition: last, entries: 31, seq: last + 31 });
  });

  test('that were edited late do not let those that stay seem to be removed', async () => {
    await say(8);
    const first = sentBy('owner', 'text 0', room);
    await world.apply({ ...edited(first, 'new'), revision: 0 });
    await trim(5);
    expect(await stateOf(room)).toMatchObject({ position: 10, trimmedSeq: 5, trimmedPosition: 5 });
    await trim(9);
    expect(await stateOf(room)).toMatchObject({ position: 10, trimmedSeq: 9, trimmedPosition: 10, entries: 0 });
  });

  test('cannot be edited or deleted once they are removed', async () => {
    const outcomes: string[] = [];
    await pubsub.subscribe('outcomes:gateway', (list) => {
      for (const { outcome } of list) outcomes.push(outcome.applied ? 'applied' : outcome.rejection.code);
    });
    await say(3);
    const first = sentBy('owner', 'text 0', room);
    outcomes.length = 0;
    await world.applyAll([trimmed(2), edited(first, 'new')]);
    await world.apply({
      ...base('owner'),
      channelId: room,
      type: 'MessageDeleted',
      messageId: messageIdOf(first),
      asModerator: false,
    });
    expect(outcomes).toEqual(['applied', 'NOT_FOUND', 'NOT_FOUND']);
  });

  test('are told with the head of their channel, once', async () => {
    await say(3);
    const signals: ChannelSignal[] = [];
    await pubsub.subscribe(channelTopic(room), (signal) => void signals.push(signal));
    await trim(2);
    await trim(2);
    expect(signals.map(({ head, entries }) => [head.trimmedSeq, head.changed, entries])).toEqual([[2, true, []]]);
  });

  test('make clients load a channel again that lack some of the messages before those that stay', async () => {
    await say(3);
    const gateway = await openUpdatesGateway(database, pubsub, { maxReplay: 100 });
    const cursors: string[] = [];
    const follow = (after: string | null, types: string[]) =>
      gateway.follow(base('owner').actorId, after, {
        taking: 'push',
        async take({ event, cursor }) {
          types.push(event.type === 'resync' ? `resync ${event.channelId}` : event.type);
          cursors.push(cursor);
        },
      });
    const first = await follow(null, []);
    await expect.poll(() => cursors.length).toBeGreaterThan(0);
    await first.stop();
    await say(3, other);
    await say(8, room, 3);
    await trim(9);
    const types: string[] = [];
    const second = await follow(cursors[0] ?? null, types);
    await expect.poll(() => types).toContain('caughtUp');
    await second.stop();
    await gateway.stop();
    expect(types.filter((type) => type.startsWith('resync'))).toEqual([`resync ${room}`]);
    expect(types.filter((type) => type === 'message')).toHaveLength(3);
  });

  test('are found by the cleanup in every channel, however many, and others stay', async () => {
    await say(maxTrimmed + 30);
    await say(4, other);
    await database.query(
      `UPDATE entry SET sent_at = now() - (CASE WHEN channel_id = $1 THEN 31 ELSE 29 END) * interval '1 day'`,
      [room],
    );
    await database.query(`UPDATE entry SET sent_at = now() - interval '31 days' WHERE channel_id = $1 AND seq < 3`, [
      other,
    ]);
    await database.query(`UPDATE entry SET sent_at = now() WHERE channel_id = $1 AND seq = 7`, [room]);
    await say(2, room, maxTrimmed + 30);
    await database.query(`UPDATE entry SET sent_at = now() WHERE channel_id = $1 AND seq > $2`, [
      room,
      maxTrimmed + 31,
    ]);
    await completeRound(trimming(apply));
    expect((await stateOf(room)).entries).toBe(2);
    expect(await stateOf(other)).toMatchObject({ entries: 3, trimmedSeq: 2 });
    expect(await stateOf(third)).toMatchObject({ entries: 1, trimmedSeq: 0 });
  });

  test('wait while the log is replayed, and those of a channel that is being removed hold up no others', async () => {
    await database.query(`UPDATE entry SET sent_at = now() - interval '31 days'`);
    await completeRound(trimming(apply, false));
    expect((await stateOf(room)).entries).toBe(1);
    await completeRound(
      trimming(async (event) => {
        if (event.channelId !== room) return apply(event);
        await database.query(
          'WITH gone AS (DELETE FROM entry WHERE channel_id = $1) DELETE FROM channel WHERE id = $1',
          [room],
        );
        throw new NotFoundError('Channel not found.');
      }),
    );
    expect([(await stateOf(other)).entries, (await stateOf(third)).entries]).toEqual([0, 0]);
  });
});

const apply: Submit = async (draft) => {
  const { eventId, gatewayId, at } = base('owner');
  await world.apply({ ...draft, eventId, gatewayId, at } as NewEvent);
  return null;
};

function trimming(submit: Submit, isCaughtUp = true) {
  return createHistoryTrimming({
    database,
    submit,
    guard: { isCaughtUp: async () => isCaughtUp },
    retentionMs: 30 * dayMs,
  });
}

/** Lets the owner send some messages, in one batch. */
async function say(count: number, channelId = room, from = 0): Promise<void> {
  await world.applyAll(Array.from({ length: count }, (_, n) => sentBy('owner', `text ${from + n}`, channelId)));
}

const trim = (throughSeq: number) => world.apply(trimmed(throughSeq));
const trimmed = (throughSeq: number): NewEvent => ({
  ...base('owner'),
  channelId: room,
  type: 'HistoryTrimmed',
  throughSeq,
});
const messageIdOf = (event: NewEvent) => ('messageId' in event ? event.messageId : '');
const edited = (event: NewEvent, text: string): NewEvent & { type: 'MessageEdited' } => ({
  ...base('owner'),
  channelId: room,
  type: 'MessageEdited',
  messageId: messageIdOf(event),
  text,
  revision: 0,
});

interface State {
  seq: number;
  position: number;
  trimmedSeq: number;
  trimmedPosition: number;
  entries: number;
}

async function stateOf(channelId: string): Promise<State> {
  const [state] = await database.query<State>(
    `SELECT seq, position, trimmed_seq AS "trimmedSeq", trimmed_position AS "trimmedPosition",
       (SELECT count(*)::int FROM entry e WHERE e.channel_id = c.id) AS entries FROM channel c WHERE id = $1`,
    [channelId],
  );
  if (state === undefined) throw new Error('no such channel');
  return state;
}
