import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { guardChild } from './services/guard.ts';

/** Process that carries out orders of a test, one after another. */
export interface Worker<Order, Report> {
  /** Has an order carried out. Rejects if the process cannot. */
  carryOut(order: Order): Promise<Report>;
  stop(): void;
}

/** Message of a worker about an order. */
type Result<Report> = { report: Report } | { problem: string };

/**
 * Starts a worker, and waits until it takes orders.
 * @param path path of a module that calls `takeOrders`
 */
export async function startWorker<Order extends object, Report>(path: string): Promise<Worker<Order, Report>> {
  const child = fork(path, { execArgv: ['--import', 'tsx'] });
  guardChild(child);
  await once(child, 'message');
  return {
    async carryOut(order) {
      const waiting = new AbortController();
      const { signal } = waiting;
      const reported = Promise.race(['message', 'exit'].map((event) => once(child, event, { signal })));
      child.send(order);
      const [result] = (await reported.finally(() => waiting.abort())) as [Result<Report> | number];
      if (typeof result === 'object' && 'report' in result) return result.report;
      throw new Error(`the worker failed: ${JSON.stringify(result)}`);
    },
    stop: () => void child.kill('SIGKILL'),
  };
}

/**
 * Carries out the orders of the test that started this process. On the few processors of this machine the process stands back
 * behind the server, as if it ran elsewhere.
 */
export function takeOrders<Order, Report>(carryOut: (order: Order) => Promise<Report>): void {
  setPriority(10);
  process.on('message', (order: Order) => {
    carryOut(order).then(
      (report) => process.send?.({ report }),
      (error) => process.send?.({ problem: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.('ready');
}
