import type { ExecutionQueue } from './execution-queue.ts';

/**
 * Executions of one source that share the rows they load. It begins when the newest of their items exists, so that no row is
 * older than an item.
 */
export interface Round {
  readonly channelId: string;
  /** Set when an execution failed because a service is unavailable: later ones must load the rows again. */
  hasFailed: boolean;
  /** The rows that executions of the round share, as the gateway keeps them; null before the first one. */
  shared: object | null;
}

/**
 * Runs an execution in turn with those of other sources, and in a round.
 * @param through the highest position of the items that are executed
 */
export type RunInRound = <Result>(through: number, execute: (round: Round) => Promise<Result>) => Promise<Result>;

/** Milliseconds after which the rows of a round are too old for another execution. */
const maxAgeMs = 1_000;

/**
 * Returns the function that runs the executions of one source. A round lasts while its executions run or wait, and for
 * a second at most.
 * @param source see `LiveSource`
 * @param options.now milliseconds
 */
export function createRounds(
  source: { readonly channelId: string; last(): number },
  queue: ExecutionQueue,
  { now = () => performance.now() } = {},
): RunInRound {
  let round: Round | null = null;
  let roundThrough = 0;
  let begunAt = 0;
  const lane = queue.createLane(() => {
    round = null;
  });

  return (through, execute) => lane.run(() => execute(roundOf(through)));

  function roundOf(through: number): Round {
    if (round && !round.hasFailed && through <= roundThrough && now() - begunAt < maxAgeMs) return round;
    round = { channelId: source.channelId, hasFailed: false, shared: null };
    roundThrough = Math.max(through, source.last());
    begunAt = now();
    return round;
  }
}
