import type { Outbox } from './outbox/outboxes.ts';

/** Runs tasks for one outbox one after another, in the order of the calls. Returns the result of the task. */
export type Serialize = <Result>(outbox: Outbox, task: () => Promise<Result>) => Promise<Result>;

/**
 * Creates the queue of tasks for each outbox of a node. It keeps a socket from loading several pages at once, however
 * many of its subscriptions catch up. A task that fails does not stop the tasks behind it.
 */
export function createSerializer(): Serialize {
  const lastTasks = new Map<Outbox, Promise<unknown>>();
  return async (outbox, task) => {
    const previous = lastTasks.get(outbox);
    const current = previous ? previous.then(task, task) : task();
    lastTasks.set(outbox, current);
    try {
      return await current;
    } finally {
      if (lastTasks.get(outbox) === current) lastTasks.delete(outbox);
    }
  };
}
