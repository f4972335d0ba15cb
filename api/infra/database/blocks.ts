/** Returns a condition: one of two users has blocked the other. Their ids are SQL expressions. */
export const blockBetween = (one: string, other: string) =>
  `(EXISTS (SELECT FROM block b WHERE b.blocker_id = ${one} AND b.blocked_id = ${other})
    OR EXISTS (SELECT FROM block b WHERE b.blocker_id = ${other} AND b.blocked_id = ${one}))`;

/**
 * Returns a condition on a direct channel: one of a member and the other member has blocked the other. The ids are SQL expressions.
 * Ask for the kind of the channel first, so that it costs nothing elsewhere.
 */
export const blockInDirect = (channelId: string, userId: string) =>
  `EXISTS (SELECT FROM member o WHERE o.channel_id = ${channelId} AND o.user_id <> ${userId}
    AND ${blockBetween('o.user_id', userId)})`;
