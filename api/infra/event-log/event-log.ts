/** An encoded event: bytes under a key, with headers for the transport. */
export interface LogRecord {
  /** Records of one key keep their order. */
  key: string;
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
}

/** A record with its offset in the log. */
export interface StoredRecord extends LogRecord {
  offset: bigint;
}

/** Records of one partition in order of their offsets; never empty. */
export interface Batch {
  partition: number;
  /** Offset from which the batch was read, if it is not the first record's: the log has no record between them. */
  from?: bigint;
  records: readonly StoredRecord[];
}

/** Range of a partition: the offset of the oldest retained record, and the offset that the next record will get. */
export interface Bounds {
  begin: bigint;
  end: bigint;
}

/** State of the log when a partition is assigned. */
export interface LogState {
  /** Changes when the log is deleted and created again; null if the log has no id. */
  id: string | null;
  /** Number of partitions. */
  partitions: number;
  /** Range of the assigned partition; null if the log starts at any offset it is given. */
  bounds: Bounds | null;
}

/** The whole log as it is at the moment. */
interface LogDescription extends Omit<LogState, 'bounds'> {
  /** Ranges of the partitions that can be read. */
  bounds: ReadonlyMap<number, Bounds>;
}

/** A consumer's callbacks. */
export interface LogHandler {
  /**
   * Called when a partition is assigned to this consumer. No record of the partition is delivered before it resolves. If it
   * rejects, the log waits and calls it again.
   * @returns the offset to start from
   */
  assigned(partition: number, state: LogState): Promise<bigint>;
  /**
   * Handles a batch. Batches of one partition come one after another. If it rejects, the log waits and delivers the batch again.
   * @returns the offset to continue from: usually the one after the batch; any other seeks
   */
  handle(batch: Batch): Promise<bigint>;
}

/** A running consumer. */
export interface Consumption {
  /** Waits for the current batch, and delivers no further one. */
  stop(): Promise<void>;
}

/**
 * The ordered log between gateways and bridges.
 *
 * - Records of one key are on one partition, in the order in which `append` was called.
 * - At least once: an appended record is delivered again until it is handled; none is skipped.
 * - Consumers share the partitions. As far as they know, each partition belongs to one of them at a time.
 */
export interface EventLog {
  /** Identifies the log: a different name means a different log, with offsets of its own. */
  readonly name: string;
  /**
   * Returns the number of partitions over which this process spreads its appends. It never changes while the log is open.
   * Rejects if the log cannot be reached.
   */
  partitions(): Promise<number>;
  /** Returns the partition of a key. Rejects if the log cannot be reached. */
  partitionOf(key: string): Promise<number>;
  /**
   * Resolves once the record can no longer be lost.
   * @throws UnavailableError if that is not certain in time; the record may still be in the log
   */
  append(record: LogRecord): Promise<void>;
  /** Starts a consumer that shares the partitions with the others. */
  consume(handler: LogHandler): Promise<Consumption>;
  /** Stores a record that cannot be applied, with the reason, where operators can read it. Resolves once it is stored. */
  deadLetter(partition: number, record: StoredRecord, reason: string): Promise<void>;
  /** Describes the log for its operators. Rejects if it cannot be reached. */
  describe(): Promise<LogDescription>;
  /** Rejects if the log cannot be reached. */
  ready(): Promise<void>;
  /** Stops consumers first, then waits for appends in flight. */
  stop(): Promise<void>;
}
