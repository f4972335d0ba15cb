import { statement } from './statement.ts';
import { arrayOf, bool, uuid } from './types.ts';

/** Id of the user in the table `mention` for a message that mentions every member. */
export const everyMember = '00000000-0000-0000-0000-000000000000';

/**
 * Returns a statement of SQL that deletes the mentions of entries which are deleted or lose their content.
 * @param entries name of a table or subquery with columns of these entries as they were
 */
export const deleteMentionsOf = (entries: string) => `
  DELETE FROM mention m USING (
    SELECT g.channel_id, g.seq, unnest(g.mention_ids || '${everyMember}'::uuid) AS user_id FROM ${entries} g) o
  WHERE m.channel_id = o.channel_id AND m.user_id = o.user_id AND m.seq = o.seq`;

/**
 * Reads, for each triple of a channel, an author and another user, whether the user is a member, and who of the two has blocked
 * the other; in the order of the triples.
 */
export const selectMentionFacts = statement({
  sql: `
    SELECT
      EXISTS (SELECT FROM member m WHERE m.channel_id = w.channel_id AND m.user_id = w.user_id AND m.state = 'ACTIVE') AS "isMember",
      EXISTS (SELECT FROM block b WHERE b.blocker_id = w.user_id AND b.blocked_id = w.author_id) AS "hasBlockedAuthor",
      EXISTS (SELECT FROM block b WHERE b.blocker_id = w.author_id AND b.blocked_id = w.user_id) AS "isBlockedByAuthor"
    FROM unnest($channelIds, $authorIds, $userIds) WITH ORDINALITY AS w(channel_id, author_id, user_id, n) ORDER BY n`,
  parameters: { channelIds: arrayOf(uuid), authorIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: { isMember: bool, hasBlockedAuthor: bool, isBlockedByAuthor: bool },
});
