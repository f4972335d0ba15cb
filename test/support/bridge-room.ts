import { expect } from 'vitest';
import { channelTopic, type Entry, type NewEvent } from '../../api/events.ts';
import { entryColumns, toEntry } from '../../api/infra/database/entries.ts';
import { statement } from '../../api/infra/database/statement.ts';
import { createApplier } from './applier.ts';
import type { TestDatabase } from './database.ts';
import { idOf, opened, room } from './events.ts';
import { createLossyPubSub } from './lossy-pubsub.ts';

/** Opens the room with members, whose names are numbers, and returns a bridge that applies batches of events. */
export async function startRoom(database: TestDatabase, members: number) {
  const pubsub = createLossyPubSub(() => 'deliver');
  const published: Entry[] = [];
  await pubsub.subscribe(channelTopic(room), ({ entries }) => void published.push(...entries));
  const applyEach = await createApplier(database, pubsub);
  const apply = (events: readonly NewEvent[]) => applyEach(...events);
  await apply([opened()]);
  await addMembers(database, members);
  return { apply, published };
}

async function addMembers(database: TestDatabase, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, n) => idOf(`${n}`));
  const names = ids.map((_, n) => `${n}`);
  await database.query(
    `WITH users AS (INSERT INTO users (id, name, created_at) SELECT *, now() FROM unnest($1::uuid[], $2::text[]) RETURNING id)
     INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
     SELECT $3::uuid, id, 'MEMBER', 'ACTIVE', now(), 1 FROM users`,
    [ids, names, room],
  );
}

/** Reads the messages of all channels in order of position. */
export async function readMessages(database: TestDatabase): Promise<Entry[]> {
  return (await database.query(selectMessages, {})).map(toEntry);
}

const selectMessages = statement({
  sql: `SELECT ${entryColumns.list} FROM entry e WHERE e.kind = 'TEXT' ORDER BY e.position`,
  row: entryColumns.row,
});

/** Expects that positions rise. */
export function expectOrdered(published: readonly Entry[]): void {
  const positions = published.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((one, other) => one - other));
}

/** Returns the newest published state of each message, in order of position. */
export function newestOf(published: readonly Entry[]): Entry[] {
  const newest = new Map(published.filter(({ kind }) => kind === 'TEXT').map((entry) => [entry.id, entry]));
  return [...newest.values()].sort((one, other) => one.position - other.position);
}
