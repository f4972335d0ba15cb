/** Events of the security log that need the whole server: `test/flow/security-log.test.ts` raises them, all others are raised by the domain's test. */
export const eventsOfServer = [
  'room_closed',
  'member_kicked',
  'member_banned',
  'member_unbanned',
  'member_muted',
  'member_role_changed',
  'message_deleted',
  'user_reported',
  'user_suspended',
  'user_reinstated',
] as const;
