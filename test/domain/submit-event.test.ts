import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createSubmitEvent, type EventDraft } from '../../api/domain/submit-event.ts';
import { decodeEvent } from '../../api/events.ts';
import type { Database } from '../../api/infra/database/database.ts';
import type { Statement } from '../../api/infra/database/statement.ts';
import type { LogRecord } from '../../api/infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { idOf } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

const draft: EventDraft = { type: 'ChannelClosed', channelId: idOf('room'), actorId: idOf('owner') };
const logger = createTestLogger();

/** Ids of events whose outcome is in the database. */
const stored: string[] = [];
/** Number of events in each look-up. */
const asked: number[] = [];
let pubsub: ReturnType<typeof createLossyPubSub>;
let outcomes: ReturnType<typeof createSubmitEvent>;

const query = async ({ text }: Statement<unknown, never>, { eventIds }: { eventIds: string[] }) => {
  if (!text.includes('FROM outcome')) return [];
  asked.push(eventIds.length);
  const body = { applied: true, entry: null };
  return eventIds.filter((id) => stored.includes(id)).map((eventId) => ({ eventId, body }));
};

beforeEach(async () => {
  vi.useFakeTimers();
  stored.length = 0;
  asked.length = 0;
  pubsub = createLossyPubSub(() => 'lose');
  const append = async (record: LogRecord) => void stored.push(decodeEvent(record).eventId);
  const log = { ...createMemoryEventLog({ logger }), append };
  const database = { query } as unknown as Database;
  outcomes = createSubmitEvent({ log, pubsub, database, gatewayId: 'here', timeoutMs: 60_000, logger });
  await outcomes.start();
});
afterEach(async () => {
  await outcomes.stop();
  vi.useRealTimers();
});

test('outcomes that are lost while pubsub is connected are looked up after a second, in one query', async () => {
  const submitted = Promise.all([outcomes.submit(draft), outcomes.submit(draft)]);
  await vi.advanceTimersByTimeAsync(900);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_200);
  expect(await submitted).toEqual([null, null]);
  expect(asked).toEqual([2]);
});

test('all pending events are looked up as soon as pubsub is back', async () => {
  const submitted = outcomes.submit(draft);
  await vi.advanceTimersByTimeAsync(1);
  pubsub.reconnect();
  expect(await submitted).toBeNull();
  expect(asked).toEqual([1]);
});
