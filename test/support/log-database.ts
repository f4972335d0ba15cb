import { UnavailableError } from '../../api/errors.ts';
import type { Batch, Bounds, EventLog, LogHandler } from '../../api/infra/event-log/event-log.ts';

/** A stand-in for the database: it knows where each partition stands, and takes each record exactly once. */
export interface LogDatabase {
  /** The texts that were taken, in the order of their offsets, partition by partition. */
  taken: Map<number, string[]>;
  /** A consumer that asks it; `before` may hold up or fail a batch. */
  handler(before?: (batch: Batch) => Promise<void>): LogHandler;
  /** How often it was asked where a partition stands, and what the log held then. */
  assignments: { partition: number; bounds: Bounds | null }[];
  /** Every text that was taken. */
  texts(): string[];
}

/** A log's database, at the beginning of every partition. */
export function createLogDatabase(): LogDatabase {
  const taken = new Map<number, string[]>();
  const assignments: LogDatabase['assignments'] = [];
  const positionOf = (partition: number) => BigInt(taken.get(partition)?.length ?? 0);

  /** Takes what begins at the position, and says where the position is. */
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
      async assigned(partition, bounds) {
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
 * Appends to seven keys, twenty records at once, until it is stopped. A text begins with its key's number and is
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
    /** Those that the log says it has, so far. */
    acknowledged,
    /** Lets the last ones end. */
    async stop() {
      stopping = true;
      await running;
      return { texts, acknowledged };
    },
  };
}

/** The texts of one key, in the order given. */
export function ofKey(key: number, texts: readonly string[]): string[] {
  return texts.filter((text) => text.startsWith(`${key} `));
}
