import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSubmitEvent, type EventDraft } from '../../api/domain/submit-event.ts';
import { decodeEvent } from '../../api/event-records.ts';
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

/** Whether the database responds. */
let isHung: boolean;
/** Number of statements. */
let statements: number;
/** Limits that were reported as reached. */
const refusals: string[] = [];

const query = async ({ text }: Statement<unknown, never>, { eventIds }: { eventIds: string[] }) => {
  statements++;
  if (isHung) return new Promise<never>(() => {});
  if (!text.includes('FROM outcome')) return [];
  asked.push(eventIds.length);
  const body = { applied: true, entry: null };
  return eventIds.filter((id) => stored.includes(id)).map((eventId) => ({ eventId, body }));
};

/** Starts to wait for outcomes. @param timeoutMs milliseconds to wait for one */
async function open(timeoutMs: number): Promise<void> {
  const append = async (record: LogRecord) => void stored.push(decodeEvent(record).eventId);
  outcomes = createSubmitEvent({
    log: { ...createMemoryEventLog({ logger }), append },
    pubsub,
    database: { query } as unknown as Database,
    gatewayId: 'here',
    timeoutMs,
    maxPending: 200,
    onRefused: (limit) => refusals.push(limit),
    logger,
  });
  await outcomes.start();
}

beforeEach(async () => {
  vi.useFakeTimers();
  stored.length = 0;
  asked.length = 0;
  refusals.length = 0;
  statements = 0;
  isHung = false;
  pubsub = createLossyPubSub(() => 'lose');
  await open(60_000);
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

describe('events that expire together', () => {
  const unknown = expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining('not known yet') });

  /** Submits as many sends as may be pending, each a bit later than the one before. Returns their results. */
  async function submitMany(timeoutMs: number) {
    await outcomes.stop();
    await open(timeoutMs);
    const submitted: Promise<unknown>[] = [];
    for (let n = 0; n < 200; n++) {
      submitted.push(outcomes.submit(send(n)).catch((error: unknown) => error));
      if (n % 10 === 0) await vi.advanceTimersByTimeAsync(1);
    }
    await vi.advanceTimersByTimeAsync(timeoutMs);
    return Promise.all(submitted);
  }

  test('fail at their deadline while the database does not respond, after one statement', async () => {
    isHung = true;
    expect(await submitMany(300)).toEqual(Array.from({ length: 200 }, () => unknown));
    expect(statements).toBe(1);
    expect(outcomes.pending()).toBe(0);
    expect(outcomes.pendingBytes()).toBe(0);
  });

  test('are looked up together shortly before it, and those that were applied succeed', async () => {
    expect(await submitMany(300)).toEqual(Array.from({ length: 200 }, () => null));
    // The sends come within two rounds; each look-up asks for outcomes and for messages.
    expect(statements).toBeLessThanOrEqual(6);
  });
});

test('an event above the bound of pending events is refused at once and not appended', async () => {
  const submitted = Array.from({ length: 200 }, () => outcomes.submit(draft));
  await expect(outcomes.submit(draft)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('overloaded'),
  });
  expect(stored).toHaveLength(200);
  expect(refusals).toEqual(['pending_events']);
  await vi.advanceTimersByTimeAsync(2_100);
  await Promise.all(submitted);
  const next = outcomes.submit(draft);
  await vi.advanceTimersByTimeAsync(2_100);
  expect(await next).toBeNull();
});

test('an event whose record would exceed the bytes of pending events is refused', async () => {
  const text = 'x'.repeat(40_000_000);
  const submitted = outcomes.submit(send(1, text));
  await expect(outcomes.submit(send(2, text))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(refusals).toEqual(['pending_events']);
  await vi.advanceTimersByTimeAsync(2_100);
  await submitted;
});

test('a request whose deadline has passed changes nothing; one whose deadline is near waits no longer', async () => {
  await expect(outcomes.submit(draft, performance.now() - 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(stored).toEqual([]);
  isHung = true;
  const submitted = outcomes.submit(draft, performance.now() + 500).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(500);
  expect(await submitted).toMatchObject({ code: 'UNAVAILABLE' });
  expect(stored).toHaveLength(1);
});

function send(n: number, text = 'Hello'): EventDraft {
  return {
    type: 'MessageSent',
    channelId: idOf('room'),
    actorId: idOf('owner'),
    messageId: idOf(`message ${n}`),
    clientId: String(n),
    text,
    replyToId: null,
    attachments: [],
  };
}
