import { beforeAll, describe, expect, test } from 'vitest';
import { createBridge } from '../../api/bridge/bridge.ts';
import { createMatchCleanup } from '../../api/domain/cleanup/matches.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { NewEvent, Outcome } from '../../api/events.ts';
import type { Database, Query } from '../../api/infra/database/database.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { noBridgeMetrics } from '../support/bridge-metrics.ts';
import { completeRound } from '../support/cleanup.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let database: TestDatabase;
let offset = 0n;

describe.each(databaseKinds)('events of a match that the cleanup removes, over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    offset = 0n;
    return () => database.stop();
  });

  test('are rejected as not found', async () => {
    const bridge = await createTestBridge(database);
    const sent = message();
    await bridge.apply(opened(), sent, left('ada', 1));

    expect(await removeMatches()).toMatchObject({ entry: 2, channel: 1, member: 2 });

    expect(await bridge.apply({ ...sent, ...base('owner') }, left('owner', 1), deletion(sent))).toEqual(
      Array(3).fill('NOT_FOUND'),
    );
    expect(bridge.log.deadLetters).toEqual([]);
    expect(await database.query('SELECT FROM channel')).toEqual([]);
  });

  // PGlite has one connection: nothing can come between the statements of a transaction.
  if (kind === 'PostgreSQL')
    test('are rejected and not set aside if it is removed while they are applied', async () => {
      const quiet = await createTestBridge(database);
      const sent = message();
      await quiet.apply(opened(), sent, left('ada', 1));
      const bridge = await createTestBridge(removingAfterFirstLook());

      expect(await bridge.apply(left('owner', 1))).toEqual(['NOT_FOUND']);
      expect(await database.query('SELECT FROM channel')).toEqual([]);
      expect(bridge.log.deadLetters).toEqual([]);
    });
});

async function createTestBridge(over: Database) {
  const pubsub = createLossyPubSub(() => 'deliver');
  const outcomes = new Map<string, Outcome>();
  await pubsub.subscribe('outcomes:gateway', (published) => {
    for (const { eventId, outcome } of published) outcomes.set(eventId, outcome);
  });
  const log = createMemoryEventLog({ logger: createTestLogger() });
  const bridge = createBridge({ log, database: over, pubsub, metrics: noBridgeMetrics, logger: createTestLogger() });
  await bridge.assigned(0, { id: null, partitions: 1, bounds: null });

  /** Applies events, and returns the code of each rejection; `applied` for the others. */
  async function apply(...events: NewEvent[]): Promise<string[]> {
    const records = events.map((event) => ({ ...encodeEvent(event), offset: offset++ }));
    await bridge.handle({ partition: 0, records });
    await bridge.stop();
    return events.map(({ eventId }) => {
      const outcome = outcomes.get(eventId);
      return outcome?.applied === false ? outcome.rejection.code : 'applied';
    });
  }
  return { log, apply };
}

/** Returns the database of a bridge during whose first transaction all closed matches are removed. */
function removingAfterFirstLook(): Database {
  let isFirst = true;
  const watch =
    (query: Query): Query =>
    async (statement, parameters) => {
      const rows = await query(statement, parameters);
      if (isFirst && statement.text.includes('AS subject')) {
        isFirst = false;
        await removeMatches();
      }
      return rows;
    };
  return { ...database, transaction: (work) => database.transaction((query) => work(watch(query))) };
}

async function removeMatches() {
  const submit = () => Promise.reject(new Error('nothing is submitted'));
  const jobs = createMatchCleanup({ database, submit, guard: { isCaughtUp: async () => true }, retentionMs: 0 });
  const [removal] = jobs.filter(({ name }) => name === 'closed matches');
  return removal && completeRound(removal);
}

function opened(): NewEvent {
  const members = ['owner', 'ada'].map((name) => ({ user: factsOf(name), role: 'MEMBER' as const }));
  return { ...base('owner'), type: 'ChannelOpened', kind: 'MATCH', visibility: 'PRIVATE', name: null, members };
}

const message = (): NewEvent & { messageId: string } => ({
  ...base('owner'),
  type: 'MessageSent',
  messageId: idOf('match message'),
  clientId: 'one',
  text: 'hello',
  replyToId: null,
  attachments: [],
});

const left = (who: 'owner' | 'ada', revision: number): NewEvent => ({
  ...base(who),
  type: 'MemberLeft',
  userId: idOf(who),
  revision,
  gone: false,
});

const deletion = ({ messageId }: { messageId: string }): NewEvent => ({
  ...base('owner'),
  type: 'MessageDeleted',
  messageId,
  asModerator: false,
});
