import { expect, test, vi } from 'vitest';
import { createBridge } from '../../api/bridge/bridge.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { ChannelSignal, NewEvent } from '../../api/events.ts';
import type { EventLog } from '../../api/infra/event-log/event-log.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createFeedSource } from '../../api/live/feed-source.ts';
import { noBridgeMetrics } from '../support/bridge-metrics.ts';
import { openMemoryDatabase } from '../support/database.ts';
import { base, idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { createTestChannelSignals, createTestUserSignals } from '../support/signals.ts';

const logger = createTestLogger();
const log = { name: 'log' } as EventLog;
const state = { id: null, partitions: 1, bounds: null };

function sent(n: number): NewEvent {
  const said = { messageId: idOf(`message ${n}`), clientId: `${n}`, text: '', replyToId: null, attachments: [] };
  return { ...base('owner'), type: 'MessageSent', ...said };
}

test('changes of a bridge that was killed between commit and publish show when the next bridge takes over', async () => {
  const database = await openMemoryDatabase();
  const pubsub = createLossyPubSub(() => 'deliver');
  const killed: PubSub = { ...pubsub, publish: async () => {} };
  const bridgeOver = (over: PubSub) => createBridge({ log, database, pubsub: over, metrics: noBridgeMetrics, logger });
  const [first, last] = [bridgeOver(pubsub), bridgeOver(killed)];
  const next = bridgeOver(pubsub);
  const channels = createTestChannelSignals(pubsub, createFeedSource(database));
  const users = createTestUserSignals(pubsub);
  const heard: ChannelSignal[] = [];
  const verify = vi.fn(async (_userIds: readonly string[]) => {});
  await Promise.all([channels.start(), users.start()]);

  const record = (offset: number, event: NewEvent) => ({ ...encodeEvent(event), offset: BigInt(offset) });
  await first.assigned(0, state);
  await first.handle({ partition: 0, records: [record(0, opened())] });
  await channels.follow(room, { onSignal: (signal) => heard.push(signal) });
  await users.follow(idOf('owner'), { onSignal: () => {}, verify });
  await channels.check();
  heard.length = 0;

  await last.assigned(0, state);
  await last.handle({ partition: 0, records: [record(1, sent(1)), record(2, sent(2))] });
  expect(heard).toEqual([]);
  expect(await next.assigned(0, state)).toBe(3n);
  await vi.waitFor(() => expect(heard).toMatchObject([{ head: { channelId: room, position: 3 }, entries: [] }]));
  await vi.waitFor(() => expect(verify).toHaveBeenCalledWith([idOf('owner')]));

  await next.handle({ partition: 0, records: [record(3, sent(3))] });
  await vi.waitFor(() => expect(heard).toHaveLength(2));
  expect(heard[1]).toMatchObject({ head: { partition: 0, offset: 3, through: 2, changed: false } });
  await Promise.all([channels.stop(), users.stop()]);
  await database.stop();
});
