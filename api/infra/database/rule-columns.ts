/** Fields of a channel that the rules depend on: those of `ChannelFacts`. */
export const channelFactFields = [
  'kind',
  'visibility',
  'closedAt',
  'sendRole',
  'attachRole',
  'inviteRole',
  'pinRole',
  'history',
] as const;

/** Fields of a membership that the rules depend on: those of `MemberFacts`. */
export const memberFactFields = [
  'role',
  'state',
  'revision',
  'mutedUntil',
  'bannedAt',
  'readableFrom',
  'readablePosition',
] as const;
