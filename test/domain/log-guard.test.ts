import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createAnnouncement } from '../../api/bridge/announcement.ts';
import { createAccess } from '../../api/domain/access.ts';
import { createLogGuard } from '../../api/domain/log-guard.ts';
import { BadUserInputError, NotFoundError, NotReadyError, UnavailableError } from '../../api/errors.ts';
import { encodeEvent, oldestWireVersion } from '../../api/event-records.ts';
import { knownPartitions } from '../../api/infra/database/event-logs.ts';
import type { LogRecord } from '../../api/infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';

let database: TestDatabase;
const opening = createOpening();
beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
});
beforeEach(() => database.empty());

/** Returns a guard over a log of two partitions that stores appended records at once. */
function createGuard() {
  const logger = createTestLogger();
  const appended: LogRecord[] = [];
  const log = {
    ...createMemoryEventLog({ logger, name: 'log', partitions: 2 }),
    append: async (record: LogRecord) => void appended.push(record),
  };
  return { guard: createLogGuard({ log, database, logger, checkMs: 5 }), appended, logger };
}

function versioned(version: number): LogRecord {
  return { ...encodeEvent(opened()), headers: { 'parley-wire': String(version) } };
}

async function announce(wireVersion: number) {
  const bridge = createAnnouncement({
    database,
    id: randomUUID(),
    log: 'log',
    wireVersion,
    logger: createTestLogger(),
  });
  await bridge.start();
  return opening(bridge);
}

test('a gateway writes the newest version that every running bridge has announced', async () => {
  const newer = oldestWireVersion + 1;
  const { guard, appended } = createGuard();
  await expect(guard.append(versioned(newer))).rejects.toBeInstanceOf(UnavailableError);
  await guard.append(versioned(oldestWireVersion));

  const old = await announce(oldestWireVersion);
  await announce(newer);
  guard.start();
  opening(guard);
  await expect(guard.append(versioned(newer))).rejects.toThrow('is being upgraded');
  await old.stop();

  await expect
    .poll(() =>
      guard.append(versioned(newer)).then(
        () => 'appended',
        () => 'refused',
      ),
    )
    .toBe('appended');
  await expect(guard.append(versioned(newer + 1))).rejects.toBeInstanceOf(UnavailableError);
  expect(appended.map(({ headers }) => Number(headers['parley-wire']))).toEqual([oldestWireVersion, newer]);
});

test('a gateway that began before its bridge writes the newest version as soon as that is announced', async () => {
  const newer = oldestWireVersion + 1;
  const { guard } = createGuard();
  await guard.append(versioned(oldestWireVersion));
  await announce(newer);
  await guard.append(versioned(newer));
});

test('a bridge that was killed no longer counts after its lease', async () => {
  const { guard } = createGuard();
  await announce(oldestWireVersion);
  await database.query(`UPDATE bridge SET expires_at = now() - interval '1 second'`);
  await announce(oldestWireVersion + 1);

  await guard.append(versioned(oldestWireVersion + 1));
});

test('nothing is appended to a log with another number of partitions, until the database knows that number', async () => {
  await knownPartitions(database.query, 'log', 3);
  const { guard, appended, logger } = createGuard();

  await expect(guard.append(versioned(1))).rejects.toBeInstanceOf(UnavailableError);
  await expect(guard.ready()).rejects.toBeInstanceOf(NotReadyError);
  expect(guard.refused()).toBe(1);
  expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  expect(appended).toEqual([]);

  await database.query('UPDATE event_log SET partitions = 2');
  guard.start();
  opening(guard);
  await expect
    .poll(() =>
      guard.ready().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await guard.append(versioned(1));
});

test('the number of partitions covers positions that a bridge of an older release has stored', async () => {
  await database.query(`INSERT INTO log_position (log, partition, next_offset) VALUES ('log', 4, 1)`);
  expect(await knownPartitions(database.query, 'log', 2)).toBe(5);
  expect(await knownPartitions(database.query, 'log', 9)).toBe(5);
});

test('a refusal counts once a running bridge has replayed the log: before that, the request may be repeated', async () => {
  const { guard } = createGuard();
  const access = createAccess(database, { isCaughtUp: guard.isCaughtUp, caughtUpMs: -1 });
  const send = () => access.requireSend(room, idOf('ada'), false);
  const remove = () => access.requireDelete(null, idOf('ada'));
  const attach = () => access.judge(room, () => Promise.reject(new BadUserInputError([])));
  await expect(send()).rejects.toBeInstanceOf(UnavailableError);

  const bridgeId = randomUUID();
  const bridge = { id: bridgeId, log: 'log', wireVersion: oldestWireVersion };
  await opening(createAnnouncement({ database, ...bridge, logger: createTestLogger() })).start();
  await database.query(
    `INSERT INTO log_position (log, partition, next_offset, bridge_id, replay_to)
     VALUES ('log', 0, 4, $1, 5), ('log', 1, 4, $1, 5)`,
    [bridgeId],
  );
  await expect(send()).rejects.toBeInstanceOf(UnavailableError);
  await expect(remove()).rejects.toBeInstanceOf(UnavailableError);
  await expect(attach()).rejects.toBeInstanceOf(UnavailableError);

  await database.query('UPDATE log_position SET next_offset = 5');
  await expect(send()).rejects.toBeInstanceOf(NotFoundError);
  await expect(remove()).rejects.toBeInstanceOf(NotFoundError);
  await expect(attach()).rejects.toBeInstanceOf(BadUserInputError);
});
