import type { UserFacts } from './events.ts';

/**
 * The server's own user: author of notices about nobody in particular. The row is inserted with the first of them. Nobody can sign in
 * as this user, find it by name, block it or write to it.
 */
export const systemUser: UserFacts = {
  id: '00000000-0000-8000-8000-000000000001',
  name: 'System',
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** Returns whether an id is the system user's. */
export const isSystemUser = (userId: string): boolean => userId === systemUser.id;
