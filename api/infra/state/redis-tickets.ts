import type { RunScript } from './redis-script.ts';
import { enterScript, findScript, leaveScript, settleScript } from './redis-ticket-scripts.ts';
import type { Ticket, TicketState, Tickets } from './state.ts';

/** Results of the scripts. A ticket is its id and the JSON of its current preferences. */
type Waiting = ['waiting', id: string, preferences: string, expiresAt: number];
type Paired = ['paired', id: string, preferences: string, partnerId: string, partnerPreferences: string];
type Left = ['left'];

/** Creates the matching queue in Redis. */
export function createRedisTickets(run: RunScript): Tickets {
  return {
    async enter(ticket, { leaseMs, relaxMs }) {
      const args = [ticket.userId, ticket.id, JSON.stringify(ticket), leaseMs, relaxMs];
      return readState((await run(enterScript, args)) as Waiting | Paired | Left);
    },
    async find(userId) {
      const result = (await run(findScript, [userId])) as Waiting | Paired | null;
      return result && readState(result);
    },
    async leave(userId) {
      const result = (await run(leaveScript, [userId])) as Waiting | null;
      return result && readTicket(result[1], result[2]);
    },
    async settle(ticketIds) {
      await run(settleScript, ticketIds);
    },
  };
}

function readState(result: Waiting | Paired): Exclude<TicketState, { status: 'left' }>;
function readState(result: Waiting | Paired | Left): TicketState;
function readState(result: Waiting | Paired | Left): TicketState {
  switch (result[0]) {
    case 'waiting':
      return { status: 'waiting', ticket: readTicket(result[1], result[2]), expiresAt: result[3] };
    case 'paired': {
      const [, id, preferences, partnerId, partnerPreferences] = result;
      return {
        status: 'paired',
        ticket: readTicket(id, preferences),
        partner: readTicket(partnerId, partnerPreferences),
      };
    }
    case 'left':
      return { status: 'left' };
    default:
      throw new Error(`unknown result ${JSON.stringify(result satisfies never)}`);
  }
}

function readTicket(id: string, preferences: string): Ticket {
  return { ...(JSON.parse(preferences) as Ticket), id };
}
