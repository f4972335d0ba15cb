import type { RunScript } from './redis-script.ts';
import { acknowledgeScript, enterScript, findScript, leaveScript, unfollowScript } from './redis-ticket-scripts.ts';
import type { Ticket, TicketState, Tickets } from './state.ts';

/** Results of the scripts. A ticket is its id, and its other fields as JSON. */
type Waiting = ['waiting', id: string, json: string, expiresAt: number];
type Paired = ['paired', id: string, json: string, partnerId: string, partnerJson: string];
type Left = ['left'];
type Nothing = [];

/** Creates the queue in Redis. */
export function createRedisTickets(run: RunScript): Tickets {
  return {
    async enter(ticket, { leaseMs, relaxMs }, nodeId = '') {
      const args = [ticket.userId, ticket.id, JSON.stringify(ticket), leaseMs, relaxMs, nodeId];
      return readState((await run(enterScript, args)) as Waiting | Paired | Left);
    },
    async unfollow(nodeId, userIds, returnMs) {
      await run(unfollowScript, [nodeId, returnMs, ...userIds]);
    },
    async find(userIds) {
      const results = (await run(findScript, userIds)) as (Waiting | Paired | Nothing)[];
      return results.map((result) => (result[0] === undefined ? null : readState(result)));
    },
    async leave(userId) {
      const result = (await run(leaveScript, [userId])) as Waiting | null;
      return result && readTicket(result[1], result[2]);
    },
    async acknowledge(ticketIds) {
      await run(acknowledgeScript, ticketIds);
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
      const [, id, json, partnerId, partnerJson] = result;
      return { status: 'paired', ticket: readTicket(id, json), partner: readTicket(partnerId, partnerJson) };
    }
    case 'left':
      return { status: 'left' };
    default:
      throw new Error(`unknown result ${JSON.stringify(result satisfies never)}`);
  }
}

function readTicket(id: string, json: string): Ticket {
  return { ...(JSON.parse(json) as Ticket), id };
}
