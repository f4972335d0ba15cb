import { NotReadyError, UnavailableError } from '../errors.ts';
import { oldestWireVersion, wireVersionOf } from '../event-records.ts';
import type { Database } from '../infra/database/database.ts';
import { caughtUpPartitions, knownPartitions, readableWireVersion } from '../infra/database/event-logs.ts';
import type { EventLog, LogRecord } from '../infra/event-log/event-log.ts';
import type { Logger } from '../logger.ts';

/** Milliseconds between two looks at the versions that bridges announce. */
const defaultCheckMs = 5_000;
/** Milliseconds for which the state of the partitions serves further refusals. */
const caughtUpMs = 1_000;

/**
 * Guards a gateway's appends to the log. It refuses records while the log has another number of partitions than the database
 * knows, because a channel's events would change their partition and lose their order; and records of a version that not
 * every running bridge can read, because they would stop their partition.
 */
export function createLogGuard(options: {
  log: EventLog;
  database: Pick<Database, 'query'>;
  logger: Logger;
  checkMs?: number;
}) {
  const { log, database, logger, checkMs = defaultCheckMs } = options;
  const { query } = database;
  let isKnown = false;
  let checking: Promise<void> | undefined;
  let refusal: string | null = null;
  let readable = oldestWireVersion;
  let timer: NodeJS.Timeout | undefined;
  let caughtUp: { at: number; partitions: Promise<ReadonlySet<number>> } | undefined;

  return {
    /** Appends a record. @throws UnavailableError when the log cannot take it */
    append(record: LogRecord): Promise<void> {
      return isKnown && refusal === null && canBeRead(record) ? log.append(record) : appendChecked(record);
    },
    /**
     * Returns whether the database has applied everything that the log held when a running bridge took it over. It has not
     * after a backup was restored, until the bridges have replayed the log: until then a refusal may be wrong.
     * @param channelId null asks for all channels
     * @param since time of `performance.now()`; the result is not older
     */
    async isCaughtUp(channelId: string | null, since: number): Promise<boolean> {
      if (caughtUp === undefined || caughtUp.at < since) caughtUp = readCaughtUp();
      const partitions = await caughtUp.partitions;
      if (channelId === null) return partitions.size >= (await log.partitions());
      return partitions.has(await log.partitionOf(channelId));
    },
    /** Milliseconds for which a result of `isCaughtUp` may be used again. */
    caughtUpMs,
    /** Rejects while the log has another number of partitions than the database knows. */
    async ready(): Promise<void> {
      if (refusal !== null) throw new NotReadyError(refusal);
    },
    /** Returns 1 while nothing is appended for that reason, 0 otherwise. */
    refused: () => (refusal === null ? 0 : 1),
    start(): void {
      void check().catch(report);
      timer = setInterval(() => void check().catch(report), checkMs);
    },
    async stop(): Promise<void> {
      clearInterval(timer);
    },
  };

  async function appendChecked(record: LogRecord): Promise<void> {
    // Bridges may have announced a newer version since the last look.
    if (!isKnown || !canBeRead(record)) {
      await check().catch((error: unknown) => {
        throw new UnavailableError('The server cannot store this now: try again.', { cause: error });
      });
    }
    if (refusal !== null) throw new UnavailableError('The server cannot store this until its operator acts.');
    if (!canBeRead(record))
      throw new UnavailableError('The server is being upgraded and cannot do this yet: try again in a few minutes.');
    return log.append(record);
  }

  /** A record without a version is the bridge's matter. */
  function canBeRead(record: LogRecord): boolean {
    return !(wireVersionOf(record) > readable);
  }

  function check(): Promise<void> {
    checking ??= checkOnce().finally(() => {
      checking = undefined;
    });
    return checking;
  }

  async function checkOnce(): Promise<void> {
    const found = await log.partitions();
    const [known, version] = await Promise.all([
      knownPartitions(query, log.name, found),
      readableWireVersion(query, log.name),
    ]);
    readable = version ?? oldestWireVersion;
    const wasRefused = refusal !== null;
    refusal = found === known ? null : explain(found, known);
    isKnown = true;
    if (refusal !== null && !wasRefused) logger.error({ log: log.name, found, known }, refusal);
  }

  function explain(found: number, known: number): string {
    return `Log ${log.name} has ${found} partitions, and the database has applied ${known}: nothing is appended. See "The log is not the one that the database has applied" in docs/operations.md.`;
  }

  function report(error: unknown): void {
    logger.debug({ error }, 'the log was not checked; the next round tries again');
  }

  function readCaughtUp() {
    return { at: performance.now(), partitions: caughtUpPartitions(query, log.name) };
  }
}

export type LogGuard = ReturnType<typeof createLogGuard>;
