import { type RateLimits, rates } from './rate-limits.ts';
import type { UserCache } from './user-cache.ts';

/** Facts about inviters that the limits on invitations depend on. */
export interface InviterFacts {
  userCache: Pick<UserCache, 'isGuest'>;
}

/**
 * Creates the rate limits of rooms, memberships and invitations. Every method throws RateLimitedError when a limit is used
 * up.
 */
export function createChannelLimits({ shared }: RateLimits, { userCache }: InviterFacts) {
  const changes = shared('changes', rates.channelChanges);
  const roomsOfDay = shared('rooms-day', rates.roomsOfDay);
  const joins = shared('joins', rates.joins);
  const invites = shared('invites', rates.invites);
  const invitesOfDay = shared('invites-day', rates.invitesOfDay);
  const invitesOfPair = shared('invited-pair', rates.invitesOfPair);
  const invitesOfInvitee = shared('invited', rates.invitesOfInvitee);
  const invitesByGuests = shared('invited-guests', rates.invitesOfInviteeByGuests);

  return {
    /** Counts a change of a room or membership by a user. */
    change: (userId: string): Promise<void> => changes.take(userId),

    /** Counts a room that a user creates, whose change was counted already. */
    create: (userId: string): Promise<void> => roomsOfDay.take(userId),

    /** Counts a user who joins a room. */
    async join(userId: string): Promise<void> {
      await changes.take(userId);
      await joins.take(userId);
    },

    /** Counts an invitation or a new direct channel by a user. */
    async invite(userId: string): Promise<void> {
      await changes.take(userId);
      await invites.take(userId);
      await invitesOfDay.take(userId);
    },

    /**
     * Counts an invitation or a new direct channel that a user gets. Those by guests are counted apart: they are easy to have in
     * great number, and must not keep others from inviting.
     */
    async beInvited(inviteeId: string, inviterId: string): Promise<void> {
      await invitesOfPair.take(`${inviterId}:${inviteeId}`);
      const limit = (await userCache.isGuest(inviterId)) ? invitesByGuests : invitesOfInvitee;
      await limit.take(inviteeId);
    },
  };
}
