import { batched } from '../batched.ts';
import { NotFoundError } from '../errors.ts';
import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, text, uuid } from '../infra/database/types.ts';
import { readText } from '../text/text-kinds.ts';
import type { Viewer } from './auth.ts';
import type { History } from './history.ts';
import type { MessageAccess } from './message-access.ts';
import { mayReact, mayTakeBackReaction, messageNotFound } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { Submit } from './submit-event.ts';
import { throwProblems } from './text.ts';

const reaction = columns(tables.reaction, 'r', ['messageId', 'emoji', 'userId']);

/** Reaction of a user to a message with one emoji. */
export type Reaction = Row<typeof reaction.row>;

/** Creates the reactions of the domain: adding and removing them, and looking up who reacted. */
export function createReactions(options: {
  database: Pick<Database, 'read'>;
  submit: Submit;
  history: Pick<History, 'byIds'>;
  messageAccess: MessageAccess;
  rateLimits: RateLimits;
}) {
  const { database, submit, history, messageAccess } = options;
  const changes = options.rateLimits.frequent('reactions', rates.reactions);
  const read = batched(async (ids: readonly string[]) => {
    const found = new Map((await history.byIds([...new Set(ids)])).map((entry) => [entry.id, entry]));
    return ids.map((id) => found.get(id) ?? null);
  });

  return {
    /**
     * Reacts to a message with an emoji, which is brought into its fully-qualified form. A repeated call is harmless.
     * @throws ConflictError if the message has the maximum of kinds of reactions, is deleted, or its channel is closed
     */
    add: (viewer: Viewer, messageId: string, emoji: string): Promise<Entry> =>
      change('ReactionAdded', viewer, messageId, emoji),

    /** Takes a reaction back. A repeated call is harmless. */
    remove: (viewer: Viewer, messageId: string, emoji: string): Promise<Entry> =>
      change('ReactionRemoved', viewer, messageId, emoji),

    /**
     * Returns those of some reactions that exist, in no order.
     * @param reader key of the user who waits for it
     */
    existing: (reactions: readonly Reaction[], reader: string): Promise<Reaction[]> =>
      database.read(reader, selectExisting, {
        messageIds: reactions.map(({ messageId }) => messageId),
        emoji: reactions.map((one) => one.emoji),
        userIds: reactions.map(({ userId }) => userId),
      }),

    /**
     * Returns the reactions of some users to messages with an emoji, in no order.
     * @param reader key of the channel or user that waits for it
     */
    among: (
      kinds: readonly Omit<Reaction, 'userId'>[],
      userIds: readonly string[],
      reader: string,
    ): Promise<Reaction[]> =>
      database.read(reader, selectAmong, {
        messageIds: kinds.map(({ messageId }) => messageId),
        emoji: kinds.map((one) => one.emoji),
        userIds,
      }),
  };

  async function change(
    type: 'ReactionAdded' | 'ReactionRemoved',
    { userId, deadline }: Viewer,
    messageId: string,
    given: string,
  ): Promise<Entry> {
    await changes.take(userId);
    const { value: emoji, problems } = readText('emoji', given, 'emoji');
    throwProblems(problems);
    const rule = type === 'ReactionAdded' ? mayReact : mayTakeBackReaction;
    const { channelId } = await messageAccess.require(rule, messageId, userId);
    const outcome = await submit({ type, channelId, actorId: userId, messageId, emoji }, deadline);
    // One of many reactions to the message that were applied together has no entry.
    const entry = outcome ?? (await read(messageId));
    if (entry === null) throw new NotFoundError(messageNotFound.message);
    return entry;
  }
}

export type Reactions = ReturnType<typeof createReactions>;

const kinds = { messageIds: arrayOf(uuid), emoji: arrayOf(text), userIds: arrayOf(uuid) };

const selectExisting = statement({
  sql: `
    SELECT ${reaction.list} FROM unnest($messageIds, $emoji, $userIds) AS w(message_id, emoji, user_id)
    JOIN reaction r ON r.message_id = w.message_id AND r.emoji = w.emoji AND r.user_id = w.user_id`,
  parameters: kinds,
  row: reaction.row,
});

const selectAmong = statement({
  sql: `
    SELECT ${reaction.list} FROM unnest($messageIds, $emoji) AS w(message_id, emoji)
    JOIN reaction r ON r.message_id = w.message_id AND r.emoji = w.emoji AND r.user_id = ANY($userIds)`,
  parameters: kinds,
  row: reaction.row,
});
