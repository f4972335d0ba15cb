import { batched } from '../batched.ts';
import type { Presence } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import type { MatchClaim, MatchClaims } from './match-claims.ts';
import { claimView, type MatchView } from './match-view.ts';

/** Creates the life cycle of a match after it was claimed: its channel is open while it is ongoing, and it ends. */
export function createMatchLifecycle(options: {
  claims: MatchClaims;
  presence: Pick<Presence, 'away'>;
  /** Milliseconds for which a user can stay away before the match ends. */
  absenceMs: number;
  logger: Logger;
}) {
  const { claims, presence, absenceMs, logger } = options;
  /** Milliseconds for which a user has been away. Concurrent calls share a request to the state. */
  const awayMs = batched(async (userIds: readonly string[]) => {
    const away = await presence.away([...new Set(userIds)]);
    return userIds.map((userId) => away.get(userId) ?? 0);
  });

  return {
    /**
     * Returns the match of a claim; null without an ongoing claim. It opens the channel where a crash prevented that, and
     * ends the match, which it then returns as ended, when the partner has stayed away for too long.
     */
    async ongoing(claim: MatchClaim | null): Promise<MatchView | null> {
      if (claim === null || claim.endReason !== null) return null;
      if (!claim.opened) await claims.openChannel(claim);
      else if ((await presenceOf(claim.partnerId)) === 'GONE')
        return end(claim, { leaverId: claim.partnerId, gone: true });
      return claimView(claim);
    },

    presenceOf,

    /** Ends an ongoing match on behalf of its user. */
    async leave(claim: MatchClaim): Promise<MatchView | null> {
      if (!claim.opened) await claims.openChannel(claim);
      return end(claim, { leaverId: claim.userId, gone: false });
    },
  };

  async function end(claim: MatchClaim, how: { leaverId: string; gone: boolean }): Promise<MatchView | null> {
    await claims.end(claim, how);
    const ended = await claims.byTicket(claim.userId, claim.ticketId);
    return ended && claimView(ended);
  }

  /** Returns whether a partner is connected, away, or away for so long that the match ends; null while that is not known. */
  async function presenceOf(partnerId: string): Promise<'ONLINE' | 'AWAY' | 'GONE' | null> {
    try {
      const ms = await awayMs(partnerId);
      if (ms > absenceMs) return 'GONE';
      return ms > 0 ? 'AWAY' : 'ONLINE';
    } catch (error) {
      logger.warn({ error }, 'presence is unknown: no partner counts as absent');
      return null;
    }
  }
}

export type MatchLifecycle = ReturnType<typeof createMatchLifecycle>;
