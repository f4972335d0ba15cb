import type { Pacer } from './pacer.ts';

/**
 * One pass over many executions of the same kind, which wait for each other: the rows that they need are loaded by
 * one statement for all of them. They run in turns, so that a large round does not keep the event loop busy.
 */
export interface ListRound {
  /** Resolves when it is an execution's turn to go on. */
  turn(): Promise<void>;
  /** Runs a function once no execution of the round can go on without it. */
  gather(run: () => void): void;
  /** Counts a load as under way until it ends, and returns it. */
  track<Value>(load: Promise<Value>): Promise<Value>;
  /** Resolves when no execution waits for a turn or for a load. */
  settled(): Promise<void>;
  /** The loaders that executions share, as the gateway keeps them; null before the first execution of each part. */
  shared: object | null;
  /** True once the next round may begin: an execution that is later has loaders of its own, since these hold older rows. */
  isOver: boolean;
}

/** An event of a subscription that is executed for many subscribers in one round. */
export interface ListRoundEvent {
  /** Null if it is executed by itself. */
  round: ListRound | null;
}

/** Returns the round that an event of a subscription belongs to; undefined if it is executed by itself, or the round is over. */
export function listRoundOf(event: unknown): ListRound | undefined {
  if (typeof event !== 'object' || event === null || !('round' in event)) return undefined;
  const { round } = event as ListRoundEvent;
  return round === null || round.isOver ? undefined : round;
}

/** Creates a round. @param pacer gives turns to all rounds of the process */
export function createListRound(pacer: Pacer): ListRound {
  const gathered: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  /** Number of turns and loads that are still to come. */
  let turns = 0;
  let loads = 0;
  let isChecking = false;

  return {
    shared: null,
    isOver: false,
    async turn() {
      turns++;
      await pacer.wait();
      turns--;
      check();
    },
    gather(run) {
      gathered.push(run);
      check();
    },
    track(load) {
      loads++;
      return load.finally(() => {
        loads--;
        check();
      });
    },
    settled: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        check();
      }),
  };

  /** Looks at the round once everything that can go on in this turn of the event loop has done so. */
  function check(): void {
    if (isChecking || turns > 0) return;
    isChecking = true;
    setImmediate(() => {
      isChecking = false;
      if (turns > 0) return;
      for (const run of gathered.splice(0)) run();
      if (loads === 0) for (const resolve of waiting.splice(0)) resolve();
    });
  }
}
