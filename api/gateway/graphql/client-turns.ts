import { createExecutionQueue, type Lane } from '../../live/execution-queue.ts';

/** Runs some work in its client's turn. Works of one client keep the order of the calls. */
export type InTurnOfClient = <Result>(client: string, work: () => Result) => Promise<Result>;

/** A client with works that run or wait, or that ended in this turn of the event loop. */
interface Client {
  lane: Lane;
  works: number;
}

/**
 * Creates the turns of a node's clients for work that has no price yet: parsing and validating. The works of one client use
 * about 1 ms of each turn of the event loop, however many operations its sockets send at once.
 */
export function createClientTurns(queue = createExecutionQueue()): InTurnOfClient {
  const clients = new Map<string, Client>();

  return async (key, work) => {
    const client = clients.get(key) ?? add(key);
    client.works++;
    try {
      return await client.lane.run(async () => work());
    } finally {
      client.works--;
    }
  };

  /** The lane outlives its works until the next turn of the event loop, so that more of them get no further slice of this one. */
  function add(key: string): Client {
    const forget = () => client.works === 0 && clients.delete(key);
    const client: Client = { lane: queue.createLane(() => setImmediate(forget)), works: 0 };
    clients.set(key, client);
    return client;
  }
}
