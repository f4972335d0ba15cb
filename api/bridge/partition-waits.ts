import { NotReadyError } from '../errors.ts';
import { NewerWireError } from '../event-records.ts';
import { DatabaseUnavailableError, isTimeout, StatementRefusedError } from '../infra/database/database.ts';
import { StuckRecordError } from './apply-batches.ts';
import { PoisonRunError } from './dead-letters.ts';
import { WrongLogError } from './log-identity.ts';

/** Reason why an attempt to apply records failed. */
export type WaitCause = 'timeout' | 'refused' | 'away' | 'poison' | 'newer' | 'log' | 'other';

/** Reasons that only an operator can remove. */
const causesOfStop: ReadonlySet<WaitCause | null> = new Set<WaitCause>(['poison', 'newer', 'log']);

/** A partition whose records wait. */
export interface WaitingPartition {
  partition: number;
  /** Seconds since its first attempt. */
  seconds: number;
  /** Failed attempts in a row. */
  failures: number;
  /** Reason of the last failure; null while the first attempt runs. */
  cause: WaitCause | null;
  /** Message of the last failure, if only an operator can remove its reason. */
  message?: string;
}

interface Wait {
  since: number;
  failures: number;
  cause: WaitCause | null;
  message: string;
  /** Time of the end of the last attempt; null while one runs. */
  endedAt: number | null;
}

/** Milliseconds without a further attempt after which another bridge has the partition. */
const forgetMs = 5_000;

/**
 * Tracks the partitions whose records cannot be applied now.
 * @param options.waitMs milliseconds from which on an attempt counts as waiting, further attempts after a failure included
 * @param options.onFailure called for each attempt that failed
 */
export function createPartitionWaits({ waitMs, onFailure }: { waitMs: number; onFailure(cause: WaitCause): void }) {
  const waits = new Map<number, Wait>();

  async function track<Result>(partition: number, attempt: () => Promise<Result>): Promise<Result> {
    const wait = current(partition) ?? {
      since: performance.now(),
      failures: 0,
      cause: null,
      message: '',
      endedAt: null,
    };
    waits.set(partition, wait);
    wait.endedAt = null;
    try {
      const result = await attempt();
      waits.delete(partition);
      return result;
    } catch (error) {
      wait.endedAt = performance.now();
      wait.failures++;
      wait.cause = causeOf(error);
      wait.message = messageOf(error);
      onFailure(wait.cause);
      throw error;
    }
  }

  function current(partition: number): Wait | undefined {
    const wait = waits.get(partition);
    const isOver = wait !== undefined && wait.endedAt !== null && performance.now() - wait.endedAt > forgetMs;
    if (isOver) waits.delete(partition);
    return isOver ? undefined : wait;
  }

  function tried(): number[] {
    return [...waits.keys()].filter((partition) => current(partition) !== undefined);
  }

  function waiting(): WaitingPartition[] {
    return [...waits.keys()]
      .sort((a, b) => a - b)
      .flatMap((partition) => {
        const wait = current(partition);
        if (wait === undefined) return [];
        const ms = performance.now() - wait.since;
        const { failures, cause, message } = wait;
        const isStopped = causesOfStop.has(cause);
        if (ms < waitMs && !isStopped) return [];
        return { partition, seconds: Math.round(ms / 1_000), failures, cause, ...(isStopped && { message }) };
      });
  }

  /** @throws NotReadyError while partitions wait */
  async function ready(): Promise<void> {
    const all = waiting();
    if (all.length === 0) return;
    const messages = all.flatMap(({ message }) => message ?? []).slice(0, 1);
    const partitions = all.map(({ partition }) => partition).join(', ');
    throw new NotReadyError([`Records of these partitions wait: ${partitions}.`, ...messages].join(' '));
  }

  return {
    ready,
    /** Runs an attempt to handle a partition. */
    track,
    /** Returns the partitions with an attempt that runs, or that will be repeated. */
    tried,
    /** Returns the partitions that wait, in order: those that have waited for `waitMs`, and those that have stopped. */
    waiting,
  };
}

function causeOf(error: unknown): WaitCause {
  if (error instanceof StuckRecordError) return causeOf(error.cause);
  if (error instanceof PoisonRunError) return 'poison';
  if (error instanceof NewerWireError) return 'newer';
  if (error instanceof WrongLogError) return 'log';
  if (isTimeout(error)) return 'timeout';
  if (error instanceof StatementRefusedError) return 'refused';
  return error instanceof DatabaseUnavailableError ? 'away' : 'other';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
