/** One event on its way: bytes under a key, with what the transport must know in headers. */
export interface LogRecord {
  /** Records of one key keep their order. */
  key: string;
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
}

/** A record with its place in the log. */
export interface StoredRecord extends LogRecord {
  offset: bigint;
}

/** Records of one partition in the order of their offsets; never empty. */
export interface Batch {
  partition: number;
  /** Where it was read from, if not at its first record: a log may leave out offsets, and nothing lies between the two. */
  from?: bigint;
  records: readonly StoredRecord[];
}

/** What a partition holds: the offset of its first record still kept, and the one that the next record will get. */
export interface Bounds {
  begin: bigint;
  end: bigint;
}

/** What a consumer of the log is told and asked. */
export interface LogHandler {
  /**
   * A partition was given to this consumer: where is it to begin? Nothing of the partition is handed over before the
   * answer. Rejecting makes the log wait and ask again.
   * @param bounds what the log holds, or null where the log begins wherever it is told
   */
  assigned(partition: number, bounds: Bounds | null): Promise<bigint>;
  /**
   * Takes a batch and answers the offset that it wants next: usually the one after the batch, any other seeks.
   * Rejecting makes the log wait and hand the batch over again. Batches of one partition come one after another.
   */
  handle(batch: Batch): Promise<bigint>;
}

/** A consumer at work. */
export interface Consumption {
  /** Lets the batch in hand finish, then hands over nothing more. */
  stop(): Promise<void>;
}

/**
 * The ordered log between gateways and bridges.
 *
 * - Records of one key are in the order in which their appends were called, on one partition.
 * - At least once: what was appended is handed over again until it was handled; nothing is skipped.
 * - Consumers share the partitions; one partition is with one consumer at a time, as far as the consumers know.
 */
export interface EventLog {
  /** Which log this is. Another name is another log, with offsets of its own. */
  readonly name: string;
  /**
   * Resolves when the record can no longer be lost. Rejects with `UnavailableError` when that cannot be said in time;
   * the record may be in the log all the same.
   */
  append(record: LogRecord): Promise<void>;
  /** Begins to hand records over, as one of the consumers that share the partitions. */
  consume(handler: LogHandler): Promise<Consumption>;
  /** Stores a record that cannot be applied, with the reason, where operators can read it. Resolves once it is stored. */
  deadLetter(partition: number, record: StoredRecord, reason: string): Promise<void>;
  /** Rejects when the log cannot be reached. */
  ready(): Promise<void>;
  /** Ends consumers first, then appends in flight. */
  stop(): Promise<void>;
}
