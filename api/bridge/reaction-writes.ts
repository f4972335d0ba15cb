import { type Entry, type LogPlace, summaryUsers } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, json, text, uuid } from '../infra/database/types.ts';
import type { Changeset } from './changeset.ts';
import { addChanged, changedRow, changeParameters, changesOf, sqlForChanges } from './entry-changes.ts';
import { emojiToRead, type ReactionChanges, summarise } from './reaction-tally.ts';

/** Changes of the reactions to one message, and the place in the log of the last one. */
interface ChangedMessage {
  entry: Entry;
  place: LogPlace;
  changes: ReactionChanges;
}

/**
 * Writes the changes of messages that differ, each of which gets the next position of its channel.
 * @returns the entries that were written, by their ids
 */
export async function writeReactions(
  query: Query,
  messages: readonly ChangedMessage[],
  changeset: Changeset,
): Promise<ReadonlyMap<string, Entry>> {
  if (messages.length === 0) return new Map();
  const first = await readFirst(query, messages);
  const summaries = messages.map(({ entry, changes }) =>
    summarise(entry.reactions, changes, first.get(entry.id) ?? new Map()),
  );
  const removed = flatten(messages, 'removed');
  const added = flatten(messages, 'added');
  const entries = messages.map(({ entry: { id, channelId }, place }) => ({ id, channelId, place }));
  const rows = await query(updateReactions, {
    ...changesOf(entries),
    reactions: summaries.map((summary) => JSON.stringify(summary)),
    removedIds: removed.map(({ id }) => id),
    removedEmoji: removed.map(({ emoji }) => emoji),
    removedUsers: removed.map(({ userId }) => userId),
    addedIds: added.map(({ id }) => id),
    addedEmoji: added.map(({ emoji }) => emoji),
    addedUsers: added.map(({ userId }) => userId),
  });
  const written = addChanged(rows, entries, changeset);
  return new Map(written.map((entry) => [entry.id, entry]));
}

function flatten(messages: readonly ChangedMessage[], kind: 'added' | 'removed') {
  return messages.flatMap(({ entry, changes }) => changes[kind].map((reaction) => ({ id: entry.id, ...reaction })));
}

/** Returns the first users of the kinds whose summaries lack some, by message and emoji. */
async function readFirst(
  query: Query,
  messages: readonly ChangedMessage[],
): Promise<Map<string, Map<string, readonly string[]>>> {
  const asked = messages.flatMap(({ entry, changes }) =>
    emojiToRead(entry.reactions, changes).map((emoji) => ({ id: entry.id, emoji })),
  );
  const found = new Map<string, Map<string, readonly string[]>>();
  if (asked.length === 0) return found;
  const removed = flatten(messages, 'removed');
  const rows = await query(selectFirst, {
    ids: asked.map(({ id }) => id),
    emoji: asked.map((one) => one.emoji),
    removedIds: removed.map(({ id }) => id),
    removedEmoji: removed.map((one) => one.emoji),
    removedUsers: removed.map(({ userId }) => userId),
  });
  for (const { id, emoji, userIds } of rows) found.set(id, (found.get(id) ?? new Map()).set(emoji, userIds));
  return found;
}

const removedParameters = { removedIds: arrayOf(uuid), removedEmoji: arrayOf(text), removedUsers: arrayOf(uuid) };

const selectFirst = statement({
  sql: `
    SELECT i.id, i.emoji, ARRAY(
      SELECT r.user_id FROM reaction r WHERE r.message_id = i.id AND r.emoji = i.emoji AND NOT EXISTS (
        SELECT FROM unnest($removedIds, $removedEmoji, $removedUsers) AS d(id, emoji, user_id)
        WHERE d.id = r.message_id AND d.emoji = r.emoji AND d.user_id = r.user_id)
      ORDER BY r.place LIMIT ${summaryUsers}) AS "userIds"
    FROM unnest($ids, $emoji) AS i(id, emoji)`,
  parameters: { ids: arrayOf(uuid), emoji: arrayOf(text), ...removedParameters },
  row: { id: uuid, emoji: text, userIds: arrayOf(uuid) },
});

const updateReactions = statement({
  sql: sqlForChanges({
    arrays: { reactions: '$reactions' },
    assignments: 'reactions = p.reactions',
    also: `
      removed AS (
        DELETE FROM reaction r USING unnest($removedIds, $removedEmoji, $removedUsers) AS d(id, emoji, user_id)
        WHERE r.message_id = d.id AND r.emoji = d.emoji AND r.user_id = d.user_id
      ), added AS (
        INSERT INTO reaction (message_id, emoji, user_id)
        SELECT a.id, a.emoji, a.user_id
        FROM unnest($addedIds, $addedEmoji, $addedUsers) WITH ORDINALITY AS a(id, emoji, user_id, n) ORDER BY a.n
      )`,
  }),
  parameters: {
    ...changeParameters,
    reactions: arrayOf(json<unknown>()),
    ...removedParameters,
    addedIds: arrayOf(uuid),
    addedEmoji: arrayOf(text),
    addedUsers: arrayOf(uuid),
  },
  row: changedRow,
});
