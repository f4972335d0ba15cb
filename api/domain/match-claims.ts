import { v5 as uuidV5 } from 'uuid';
import { batched } from '../batched.ts';
import type { MatchEndReason } from '../events.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, json, uuid } from '../infra/database/types.ts';
import type { Ticket } from '../infra/state/state.ts';
import type { Submit } from './submit-event.ts';
import { toUserFacts } from './user-facts.ts';

/** One user's side of a match in the database. It is written for both users in one transaction. */
export interface MatchClaim {
  ticketId: string;
  userId: string;
  partnerId: string;
  channelId: string;
  /** Null while the match is ongoing. */
  endReason: MatchEndReason | null;
  /** Whether the channel exists: a crash can come between the claim and the opening of its channel. */
  opened: boolean;
}

/** Parts that claims run on. */
export interface MatchClaimOptions {
  database: Database;
  submit: Submit;
}

/** Namespace of matches' channel ids, which are derived from both tickets' ids. */
const matchNamespace = '0b0d2c1e-7f0f-4a65-8f3e-9a4f5f8f6d21';

/** Number of a user's latest partners who are remembered. */
const maxRemembered = 20;

/** Rolls a claim back: one of the two is matched already or has blocked the other, or they met lately. */
class PairLapsedError extends Error {
  override readonly name = 'PairLapsedError';
}

/**
 * Creates the claims of matches. They are the truth about matches: a user has at most one ongoing claim, even when the
 * queue loses its data.
 */
export function createMatchClaims({ database, submit }: MatchClaimOptions) {
  const { query } = database;

  return {
    /** Opens the channel of a claim. Repeated calls are harmless. */
    openChannel,

    /** Returns a user's latest claim, ongoing or ended; null when there never was one. Concurrent calls share a statement. */
    latest: batched(readLatest) satisfies (userId: string) => Promise<MatchClaim | null>,

    /**
     * Returns the ids of the partners whom a user must not meet again yet: those of the last hour, at most 20, and always the
     * last one.
     */
    async recentPartners(userId: string): Promise<string[]> {
      return (await query(selectRecentPartners, { userId })).map(({ partnerId }) => partnerId);
    },

    /** Returns a user's claim that was made with a ticket; null when there is none. */
    async byTicket(userId: string, ticketId: string): Promise<MatchClaim | null> {
      const [claim = null] = await query(selectClaimByTicket, { userId, ticketId });
      return claim;
    },

    /**
     * Claims a pair for each other and opens their channel. Does nothing when either is matched already or has blocked the
     * other, or when they met lately.
     */
    async claim(own: Ticket, other: Ticket): Promise<void> {
      const channelId = uuidV5([own.id, other.id].sort().join(':'), matchNamespace);
      try {
        await database.transaction((transaction) => insertClaims(transaction, own, other, channelId));
      } catch (error) {
        if (error instanceof PairLapsedError) return;
        throw error;
      }
      await openChannel({
        ticketId: own.id,
        userId: own.userId,
        partnerId: other.userId,
        channelId,
        endReason: null,
        opened: false,
      });
    },

    /** Ends a match. @param end.gone the leaver did not leave, but stayed away for too long */
    async end({ channelId }: MatchClaim, { leaverId, gone }: { leaverId: string; gone: boolean }): Promise<void> {
      const member = await database.prisma.member.findUnique({
        where: { channelId_userId: { channelId, userId: leaverId } },
      });
      const revision = member?.revision ?? 0;
      await submit({ type: 'MemberLeft', channelId, actorId: leaverId, userId: leaverId, revision, gone });
    },
  };

  async function readLatest(userIds: readonly string[]): Promise<(MatchClaim | null)[]> {
    const rows = await query(selectLatestClaims, { userIds: [...new Set(userIds)] });
    const claims = new Map(rows.map((row) => [row.userId, row]));
    return userIds.map((userId) => claims.get(userId) ?? null);
  }

  async function openChannel({ channelId, userId, partnerId }: MatchClaim): Promise<void> {
    const users = await database.prisma.user.findMany({ where: { id: { in: [userId, partnerId] } } });
    const members = users.map((user) => ({ user: toUserFacts(user), role: 'MEMBER' as const }));
    const channel = { kind: 'MATCH', visibility: 'PRIVATE', name: null, members } as const;
    await submit({ type: 'ChannelOpened', channelId, actorId: userId, ...channel });
  }
}

export type MatchClaims = ReturnType<typeof createMatchClaims>;

async function insertClaims(query: Query, own: Ticket, other: Ticket, channelId: string): Promise<void> {
  const sides = [
    { ticket_id: own.id, user_id: own.userId, partner_id: other.userId },
    { ticket_id: other.id, user_id: other.userId, partner_id: own.userId },
    // Everywhere in the same order, so that two claims cannot deadlock.
  ].sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
  const inserted = await query(insertSides, { sides: JSON.stringify(sides), channelId });
  if (inserted.length < sides.length) throw new PairLapsedError();
}

const claim = columns(tables.matchClaim, 'k', ['ticketId', 'userId', 'partnerId', 'channelId', 'endReason']);
const claimList = `${claim.list}, EXISTS (SELECT FROM channel c WHERE c.id = k.channel_id) AS opened`;

const selectLatestClaims = statement({
  sql: `
    SELECT ${claimList} FROM unnest($userIds) AS u(id) CROSS JOIN LATERAL (
      SELECT * FROM match_claim m WHERE m.user_id = u.id ORDER BY m.claimed_at DESC LIMIT 1) k`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...claim.row, opened: bool },
});

/** Returns SQL that selects the partners of a user's last hour, and always the last one. @param userId an SQL expression */
const recentPartnersOf = (userId: string) => `
  SELECT r.partner_id AS "partnerId" FROM (
    SELECT k.partner_id, k.claimed_at, row_number() OVER (ORDER BY k.claimed_at DESC) AS n
    FROM match_claim k WHERE k.user_id = ${userId} ORDER BY k.claimed_at DESC LIMIT ${maxRemembered}) r
  WHERE r.n = 1 OR r.claimed_at > clock_timestamp() - interval '1 hour'`;

const selectRecentPartners = statement({
  sql: recentPartnersOf('$userId'),
  parameters: { userId: uuid },
  row: { partnerId: uuid },
});

const selectClaimByTicket = statement({
  sql: `SELECT ${claimList} FROM match_claim k WHERE k.ticket_id = $ticketId AND k.user_id = $userId`,
  parameters: { userId: uuid, ticketId: uuid },
  row: { ...claim.row, opened: bool },
});

const insertSides = statement({
  sql: `
    INSERT INTO match_claim (ticket_id, user_id, partner_id, channel_id, claimed_at)
    SELECT s.ticket_id, s.user_id, s.partner_id, $channelId, clock_timestamp()
    FROM jsonb_to_recordset($sides) AS s(ticket_id uuid, user_id uuid, partner_id uuid)
    WHERE s.partner_id NOT IN (${recentPartnersOf('s.user_id')})
      AND NOT EXISTS (SELECT FROM block b WHERE b.blocker_id = s.user_id AND b.blocked_id = s.partner_id)
    ON CONFLICT DO NOTHING RETURNING ticket_id AS "ticketId"`,
  parameters: { sides: json<unknown>(), channelId: uuid },
  row: { ticketId: uuid },
});
