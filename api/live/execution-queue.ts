/** Starts the executions of one source. */
export interface Lane {
  /** Runs an execution once it has its turn. Executions of one lane start in the order of the calls. */
  run<Result>(execute: () => Promise<Result>): Promise<Result>;
}

/** State of a lane. */
interface LaneState {
  onIdle(): void;
  waiting: (() => void)[];
  running: number;
  /** The turn of the event loop in which an execution started last. */
  turn: number;
  /** Time at which the executions of that turn have taken long enough. */
  endOfSlice: number;
}

/** Milliseconds of one turn of the event loop that a lane may use, and that all lanes that wait may use together. */
const defaultSliceMs = 1;
/** Maximum number of executions of one lane that run at the same time: all of them may go on when one statement returns. */
const defaultConcurrency = 50;
/** Number of microtask steps after which most of an execution's synchronous work is done. */
const stepsOfExecution = 4;

/**
 * Creates the queue of a node's live executions, which is fair by lane. Executions start at once until their lane has used
 * its slice of the turn of the event loop; then they wait for other turns, which the waiting lanes share one execution after
 * another. So many executions of one lane delay neither other events nor other lanes.
 * @param options.now milliseconds
 */
export function createExecutionQueue({
  sliceMs = defaultSliceMs,
  concurrency = defaultConcurrency,
  now = () => performance.now(),
} = {}) {
  /** Lanes with executions that wait and may start. The first has the next turn, and moves to the end with it. */
  const ready = new Set<LaneState>();
  let size = 0;
  let turn = 0;
  let isTurnScheduled = false;

  return {
    /** Returns the number of executions that wait. */
    size: () => size,
    /** @param onIdle called each time when no execution of the lane runs or waits */
    createLane(onIdle: () => void): Lane {
      const lane: LaneState = { onIdle, waiting: [], running: 0, turn: -1, endOfSlice: 0 };
      return { run: (execute) => (mayStart(lane) ? start(lane, execute) : waitForTurn(lane, execute)) };
    },
  };

  function mayStart(lane: LaneState): boolean {
    if (lane.waiting.length > 0 || lane.running >= concurrency) return false;
    if (lane.turn === turn) return now() < lane.endOfSlice;
    lane.turn = turn;
    lane.endOfSlice = now() + sliceMs;
    scheduleTurn();
    return true;
  }

  function start<Result>(lane: LaneState, execute: () => Promise<Result>): Promise<Result> {
    lane.running++;
    const running = execute();
    const leave = () => {
      lane.running--;
      if (lane.waiting.length > 0) makeReady(lane);
      else if (lane.running === 0) lane.onIdle();
    };
    running.then(leave, leave);
    return running;
  }

  function waitForTurn<Result>(lane: LaneState, execute: () => Promise<Result>): Promise<Result> {
    size++;
    return new Promise((resolve) => {
      lane.waiting.push(() => resolve(start(lane, execute)));
      if (lane.running < concurrency) makeReady(lane);
    });
  }

  function makeReady(lane: LaneState): void {
    ready.add(lane);
    scheduleTurn();
  }

  function scheduleTurn(): void {
    if (isTurnScheduled) return;
    isTurnScheduled = true;
    setImmediate(nextTurn);
  }

  function nextTurn(): void {
    turn++;
    isTurnScheduled = false;
    if (ready.size > 0) void startWaiting();
  }

  async function startWaiting(): Promise<void> {
    const endOfSlice = now() + sliceMs;
    // A lane that is added again is visited again, after the others.
    for (const lane of ready) {
      startFirst(lane);
      for (let step = 0; step < stepsOfExecution; step++) await null;
      if (now() >= endOfSlice) break;
    }
    if (ready.size > 0) scheduleTurn();
  }

  function startFirst(lane: LaneState): void {
    ready.delete(lane);
    const startNext = lane.waiting.shift();
    if (startNext === undefined) return;
    size--;
    startNext();
    if (lane.waiting.length > 0 && lane.running < concurrency) ready.add(lane);
  }
}

/** The queue of a node's live executions. */
export type ExecutionQueue = ReturnType<typeof createExecutionQueue>;
