import { ConflictError, NotFoundError } from '../../errors.ts';
import type { Submit } from '../submit-event.ts';

/** One of the two active memberships of an open match. */
interface MatchMember {
  channelId: string;
  userId: string;
  revision: number;
}

/**
 * Ends a match for both users: one of them leaves as somebody who is gone. The other one stays a member of the closed channel.
 * A user who leaves at that moment, or another process, may be faster.
 */
export async function endMatch(submit: Submit, { channelId, userId, revision }: MatchMember): Promise<void> {
  try {
    await submit({ type: 'MemberLeft', channelId, actorId: userId, userId, revision, gone: true });
  } catch (error) {
    if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
  }
}
