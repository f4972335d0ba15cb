import type { RunScript } from './redis-script.ts';
import { acknowledgeScript, enterScript, findScript, leaveScript } from './redis-ticket-scripts.ts';
import type { Ticket, TicketState, Tickets } from './state.ts';

/** What scripts answer: a ticket is its id and the JSON of the wishes that it has now. */
type Waiting = ['waiting', id: string, wishes: string, expiresAt: number];
type Paired = ['paired', id: string, wishes: string, partnerId: string, partnerWishes: string];
type Left = ['left'];

/** The queue in Redis. */
export function createRedisTickets(run: RunScript): Tickets {
  return {
    async enter(ticket, { leaseMs, relaxMs }) {
      const args = [ticket.userId, ticket.id, JSON.stringify(ticket), leaseMs, relaxMs];
      return readState((await run(enterScript, args)) as Waiting | Paired | Left);
    },
    async find(userId) {
      const answer = (await run(findScript, [userId])) as Waiting | Paired | null;
      return answer && readState(answer);
    },
    async leave(userId) {
      const answer = (await run(leaveScript, [userId])) as Waiting | null;
      return answer && readTicket(answer[1], answer[2]);
    },
    async acknowledge(ticketIds) {
      await run(acknowledgeScript, ticketIds);
    },
  };
}

function readState(answer: Waiting | Paired): Exclude<TicketState, { status: 'left' }>;
function readState(answer: Waiting | Paired | Left): TicketState;
function readState(answer: Waiting | Paired | Left): TicketState {
  switch (answer[0]) {
    case 'waiting':
      return { status: 'waiting', ticket: readTicket(answer[1], answer[2]), expiresAt: answer[3] };
    case 'paired': {
      const [, id, wishes, partnerId, partnerWishes] = answer;
      return { status: 'paired', ticket: readTicket(id, wishes), partner: readTicket(partnerId, partnerWishes) };
    }
    case 'left':
      return { status: 'left' };
    default:
      throw new Error(`unknown answer ${JSON.stringify(answer satisfies never)}`);
  }
}

function readTicket(id: string, wishes: string): Ticket {
  return { ...(JSON.parse(wishes) as Ticket), id };
}
