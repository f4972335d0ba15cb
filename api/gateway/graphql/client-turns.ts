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
  /** Clients whose works have ended in this turn. They outlive it, so that more works get no further slice of it. */
  let idle: string[] = [];

  return (key, work) => {
    const client = clients.get(key) ?? add(key);
    client.works++;
    return client.lane.run(async () => {
      client.works--;
      return work();
    });
  };

  function add(key: string): Client {
    const client: Client = { lane: queue.createLane(() => forgetLater(key)), works: 0 };
    clients.set(key, client);
    return client;
  }

  function forgetLater(key: string): void {
    if (idle.length === 0) setImmediate(forgetIdle);
    idle.push(key);
  }

  function forgetIdle(): void {
    const ended = idle;
    idle = [];
    for (const key of ended) if (clients.get(key)?.works === 0) clients.delete(key);
  }
}
