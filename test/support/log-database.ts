import { UnavailableError } from '../../api/errors.ts';
import type { Batch, Bounds, EventLog, LogHandler } from '../../api/infra/event-log/event-log.ts';

/** Substitute for the database: it keeps the position of each partition, and applies each record exactly once. */
export interface LogDatabase {
  /** Texts that were applied, in the order of their offsets, by partition. */
  taken: Map<number, string[]>;
  /** Creates a consumer over this database. `before` can delay a batch or make it fail. */
  handler(before?: (batch: Batch) => Promise<void>): LogHandler;
  /** Assignments of partitions so far, each with the bounds of the log at that time. */
  assignments: { partition: number; bounds: Bounds | null }[];
  /** Returns every text that was applied. */
  texts(): string[];
}

/** Creates a database at the beginning of every partition. */
export function createLogDatabase(): LogDatabase {
  const taken = new Map<number, string[]>();
  const assignments: LogDatabase['assignments'] = [];
  const positionOf = (partition: number) => BigInt(taken.get(partition)?.length ?? 0);

  /** Applies a batch that begins at the position of its partition, and returns the position after it. */
  function take({ partition, records }: Batch): bigint {
    if (records[0]?.offset !== positionOf(partition)) return positionOf(partition);
    const texts = records.map(({ value }) => Buffer.from(value).toString());
    const before = taken.get(partition) ?? [];
    before.push(...texts);
    taken.set(partition, before);
    return positionOf(partition);
  }

  return {
    taken,
    assignments,
    texts: () => [...taken.values()].flat(),
    handler: (before = async () => {}) => ({
      async assigned(partition, { bounds }) {
        assignments.push({ partition, bounds });
        return positionOf(partition);
      },
      async handle(batch) {
        await before(batch);
        return take(batch);
      },
    }),
  };
}

/**
 * Appends records to seven keys, twenty at a time, until it is stopped. Each text begins with the number of its key and is
 * appended once.
 */
export function createAppender(log: Pick<EventLog, 'append'>) {
  const texts: string[] = [];
  const acknowledged: string[] = [];
  let stopping = false;

  async function appendOne(text: string): Promise<void> {
    try {
      await log.append({ key: `key ${text[0]}`, value: Buffer.from(text), headers: {} });
      acknowledged.push(text);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const burst = Array.from({ length: 20 }, (_, n) => `${n % 7} ${texts.length + n}`);
      texts.push(...burst);
      await Promise.all(burst.map(appendOne));
    }
  }

  const running = run();
  return {
    /** Texts that the log has acknowledged so far. */
    acknowledged,
    /** Waits for the pending appends, and returns all texts. */
    async stop() {
      stopping = true;
      await running;
      return { texts, acknowledged };
    },
  };
}

/** Returns the texts of one key, in the order given. */
export function ofKey(key: number, texts: readonly string[]): string[] {
  return texts.filter((text) => text.startsWith(`${key} `));
}
