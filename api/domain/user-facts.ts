import type { UserFacts } from '../events.ts';

/** Returns the facts about a user that events carry. A date becomes ISO 8601 in UTC with milliseconds. */
export function toUserFacts({
  id,
  name,
  createdAt,
}: {
  id: string;
  name: string;
  createdAt: Date | string;
}): UserFacts {
  return { id, name, createdAt: new Date(createdAt).toISOString() };
}
