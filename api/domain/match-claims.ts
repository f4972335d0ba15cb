import { v5 as uuidV5 } from 'uuid';
import type { MatchEndReason, UserFacts } from '../events.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { bool, json, uuid } from '../infra/database/types.ts';
import type { Ticket } from '../infra/state/state.ts';
import type { Submit } from './submit-event.ts';

/** One user's side of a pairing, as the database has it. */
export interface Claim {
  ticketId: string;
  userId: string;
  partnerId: string;
  channelId: string;
  /** Null while it lasts. */
  endReason: MatchEndReason | null;
  /** The channel is there: a crash may lie between the claim and its opening. */
  opened: boolean;
}

/** What pairing needs. */
export interface MatchClaimOptions {
  database: Database;
  submit: Submit;
}

/** The namespace of matches' channel ids, which are made from both tickets' ids. */
const matchNamespace = '0b0d2c1e-7f0f-4a65-8f3e-9a4f5f8f6d21';

/** One of the two is taken already or blocked the other, or they met last: the claim is to leave no trace. */
class PairLapsedError extends Error {
  override readonly name = 'PairLapsedError';
}

/** Claims in the database: whoever has one is matched, and has one at most, whatever becomes of the queue. */
export function createMatchClaims({ database, submit }: MatchClaimOptions) {
  const { query } = database;

  async function openChannel({ channelId, userId, partnerId }: Claim): Promise<void> {
    const users = await database.prisma.user.findMany({ where: { id: { in: [userId, partnerId] } } });
    const members = users.map(({ id, name, createdAt }) => {
      const user: UserFacts = { id, name, createdAt: createdAt.toISOString() };
      return { user, role: 'MEMBER' as const };
    });
    const channel = { kind: 'MATCH', visibility: 'PRIVATE', name: null, members } as const;
    await submit({ type: 'ChannelOpened', channelId, actorId: userId, ...channel });
  }

  return {
    openChannel,

    /** The user's latest claim, lasting or ended; null when there never was one. */
    async latest(userId: string): Promise<Claim | null> {
      const [claim = null] = await query(selectLatestClaim, { userId });
      return claim;
    },

    /** The user's claim that was made with this ticket. */
    async byTicket(userId: string, ticketId: string): Promise<Claim | null> {
      const [claim = null] = await query(selectClaimByTicket, { userId, ticketId });
      return claim;
    },

    /** Claims both for each other and opens their channel. Nothing happens when either is taken or has blocked the other, or they met last. */
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

    /** Ends a match: one of the two goes, or stayed away for too long. */
    async end({ channelId }: Claim, { leaverId, gone }: { leaverId: string; gone: boolean }): Promise<void> {
      const member = await database.prisma.member.findUnique({
        where: { channelId_userId: { channelId, userId: leaverId } },
      });
      const revision = member?.revision ?? 0;
      await submit({ type: 'MemberLeft', channelId, actorId: leaverId, userId: leaverId, revision, gone });
    },
  };
}

async function insertClaims(query: Query, own: Ticket, other: Ticket, channelId: string): Promise<void> {
  const sides = [
    { ticket_id: own.id, user_id: own.userId, partner_id: other.userId },
    { ticket_id: other.id, user_id: other.userId, partner_id: own.userId },
    // In one order everywhere, so that two claims cannot wait for each other.
  ].sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
  const inserted = await query(insertClaimRows, { sides: JSON.stringify(sides), channelId });
  if (inserted.length < sides.length) throw new PairLapsedError();
}

const claim = columns(tables.matchClaim, 'k', ['ticketId', 'userId', 'partnerId', 'channelId', 'endReason']);
const claimList = `${claim.list}, EXISTS (SELECT FROM channel c WHERE c.id = k.channel_id) AS opened`;

const selectLatestClaim = statement({
  sql: `SELECT ${claimList} FROM match_claim k WHERE k.user_id = $userId ORDER BY k.claimed_at DESC LIMIT 1`,
  parameters: { userId: uuid },
  row: { ...claim.row, opened: bool },
});

const selectClaimByTicket = statement({
  sql: `SELECT ${claimList} FROM match_claim k WHERE k.ticket_id = $ticketId AND k.user_id = $userId`,
  parameters: { userId: uuid, ticketId: uuid },
  row: { ...claim.row, opened: bool },
});

const insertClaimRows = statement({
  sql: `
    INSERT INTO match_claim (ticket_id, user_id, partner_id, channel_id, claimed_at)
    SELECT s.ticket_id, s.user_id, s.partner_id, $channelId, clock_timestamp()
    FROM jsonb_to_recordset($sides) AS s(ticket_id uuid, user_id uuid, partner_id uuid)
    WHERE s.partner_id IS DISTINCT FROM (
        SELECT k.partner_id FROM match_claim k WHERE k.user_id = s.user_id ORDER BY k.claimed_at DESC LIMIT 1)
      AND NOT EXISTS (SELECT FROM block b WHERE b.blocker_id = s.user_id AND b.blocked_id = s.partner_id)
    ON CONFLICT DO NOTHING RETURNING ticket_id AS "ticketId"`,
  parameters: { sides: json<unknown>(), channelId: uuid },
  row: { ticketId: uuid },
});
