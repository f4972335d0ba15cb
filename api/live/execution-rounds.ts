import type { ExecutionQueue } from './execution-queue.ts';
import type { LiveSource, Positioned } from './live-source.ts';

/**
 * Executions of one source that share the rows they load. It begins when the newest of their items exists, so that no row is
 * older than an item. It ends when an item is replaced, so that no execution gets a row that quotes the state before.
 */
export interface ExecutionRound {
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
export type RunInRound = <Result>(
  through: number,
  execute: (round: ExecutionRound) => Promise<Result>,
) => Promise<Result>;

/** Milliseconds after which the rows of a round are too old for another execution. */
const maxAgeMs = 1_000;

/**
 * Returns the function that runs the executions of one source. A round lasts while its executions run or wait, and for
 * a second at most.
 * @param source see `LiveSource`
 * @param options.now milliseconds
 */
export function createExecutionRounds(
  source: Pick<LiveSource<Positioned>, 'channelId' | 'last' | 'version'>,
  queue: ExecutionQueue,
  { now = () => performance.now() } = {},
): RunInRound {
  let round: ExecutionRound | null = null;
  let roundThrough = 0;
  let roundVersion = 0;
  let begunAt = 0;
  const lane = queue.createLane(() => {
    round = null;
  });

  return (through, execute) => lane.run(() => execute(roundOf(through)));

  function roundOf(through: number): ExecutionRound {
    if (round && isFresh(round) && through <= roundThrough) return round;
    round = { channelId: source.channelId, hasFailed: false, shared: null };
    roundThrough = Math.max(through, source.last());
    roundVersion = source.version();
    begunAt = now();
    return round;
  }

  function isFresh({ hasFailed }: ExecutionRound): boolean {
    return !hasFailed && source.version() === roundVersion && now() - begunAt < maxAgeMs;
  }
}
