/** A channel and a user, as the key of something that one user sees in a channel. */
export interface ChannelOfUser {
  channelId: string;
  userId: string;
}

/** Returns pairs as the parameters of a statement. */
export function toColumns(pairs: readonly ChannelOfUser[]): { channelIds: string[]; userIds: string[] } {
  return {
    channelIds: pairs.map(({ channelId }) => channelId),
    userIds: pairs.map(({ userId }) => userId),
  };
}
