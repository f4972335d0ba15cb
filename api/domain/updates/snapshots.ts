import { batched } from '../../batched.ts';
import { UnavailableError } from '../../errors.ts';
import type { Entry } from '../../events.ts';
import type { Database } from '../../infra/database/database.ts';
import { toEntry } from '../../infra/database/entries.ts';
import { type Gap, lengthOf } from './plan.ts';
import { type ChangedChannel, countGaps, type SnapshotRow, selectGaps, selectSnapshots } from './statements.ts';
import { identityOf, type Mark, type UpdateCursor } from './update-cursor.ts';

/** Everything that concerns one viewer, in one snapshot of the database. */
export interface Snapshot {
  /** Identity of the log. */
  log: string;
  /** The point that the snapshot shows. */
  mark: Mark;
  /** Positions of the viewer's channels. */
  positions: ReadonlyMap<string, number>;
  /** Channels that have changed since the cursor, or may have, in order of their ids. */
  changed: readonly ChangedChannel[];
  /** Channels that were removed with the viewer's membership, in order of their ids. */
  endedIds: readonly string[];
  /** Whether the viewer's profile or blocks changed. */
  isSelfChanged: boolean;
  isMatchChanged: boolean;
}

/** An entry and the offset of its newest change. */
export interface ReplayedEntry {
  entry: Entry;
  offset: number;
}

/**
 * Milliseconds before a cursor's time from which on a user's own records are read again: a transaction that has noted its time
 * may commit later, and it may run on a gateway whose clock is behind.
 */
const overlapMs = 15_000;
/** Number of viewers, and of entries, that one statement reads at most. Many viewers resume at the same moment. */
const viewersAtOnce = 25;
const entriesAtOnce = 1_000;
const lowestId = '00000000-0000-0000-0000-000000000000';
/** Key under which these statements take turns with those of other readers. */
const reader = 'updates';

/**
 * Creates the reads of a resume. Those that are asked for at the same moment share their statements. A read whose client no
 * longer waits when its turn comes is left out, and fails with UnavailableError: after an outage many clients resume at once, and
 * those that have waited for too long come back.
 * @param options.logName name of the log
 * @param options.maxReplay number of changes of one channel above which nobody gets them replayed
 */
export function createSnapshots(options: { database: Pick<Database, 'read'>; logName: string; maxReplay: number }) {
  const { logName, maxReplay } = options;
  const { read } = options.database;

  return {
    /** Reads the changes for a viewer since a cursor; none without a cursor. @throws UnavailableError while no log is known */
    snapshot: batched(sharing(readSnapshots)) as (request: Request) => Promise<Snapshot>,
    /** Returns the number of entries in each gap. */
    async count(gaps: readonly Gap[]): Promise<number[]> {
      return (await read(reader, countGaps, toColumns(gaps))).map(({ count }) => count);
    },
    /**
     * Returns the entries of a gap in order of position, without those that the viewer cannot see; none if
     * the viewer is no longer a member.
     */
    entries: batched(sharing(readEntries)) as (request: EntriesRequest) => Promise<readonly ReplayedEntry[]>,
  };

  function readSnapshots(requests: readonly Request[]): Promise<(Snapshot | Error)[]> {
    return inParts(
      requests,
      () => 1,
      viewersAtOnce,
      async (part) => {
        const cursors = part.map(({ cursor }) => cursor);
        const rows = await read(reader, selectSnapshots, {
          log: logName,
          userIds: part.map(({ userId }) => userId),
          nexts: cursors.map((cursor) => `{${cursor?.from.next.join(',') ?? ''}}`),
          since: cursors.map((cursor) => cursor && new Date(cursor.from.time - overlapMs)),
          placeIds: cursors.map((cursor) => placeOf(cursor)?.id ?? lowestId),
          placeOffsets: cursors.map((cursor) => String(placeOf(cursor)?.offset ?? 0)),
          most: maxReplay,
        });
        const found = new Map(rows.map((row) => [row.n - 1, row]));
        return part.map((_, n) => toSnapshot(logName, found.get(n)));
      },
    );
  }

  function readEntries(requests: readonly EntriesRequest[]): Promise<(ReplayedEntry[] | Error)[]> {
    return inParts(
      requests,
      ({ gap }) => lengthOf(gap),
      entriesAtOnce,
      async (part) => {
        const userIds = part.map(({ userId }) => userId);
        const rows = await read(reader, selectGaps, { ...toColumns(part.map(({ gap }) => gap)), userIds });
        const found = new Map(rows.map(({ n, entries }) => [n - 1, entries ?? []]));
        return part.map((_, n) =>
          (found.get(n) ?? []).map(({ logOffset, ...row }) => ({ entry: toEntry(row), offset: logOffset })),
        );
      },
    );
  }
}

export type Snapshots = ReturnType<typeof createSnapshots>;

interface Wanted {
  /** Whether the client still waits; by default it does. */
  isWanted?: (() => boolean) | undefined;
}

interface Request extends Wanted {
  userId: string;
  cursor: UpdateCursor | null;
}

interface EntriesRequest extends Wanted {
  userId: string;
  gap: Gap;
}

/** Returns the place below which channels are not read again. */
function placeOf(cursor: UpdateCursor | null) {
  const place = cursor?.sweep?.place;
  return place === undefined || place.step === 'users' ? null : place;
}

function toSnapshot(name: string, row: SnapshotRow | undefined): Snapshot {
  const { partitions = null, next = null, logIds = null } = row ?? {};
  if (row === undefined || partitions === null || next === null || logIds === null)
    throw new UnavailableError('The server is starting: try again in a moment.');
  const ids = row.channelIds ?? [];
  return {
    log: identityOf({ name, partitions, ids: logIds }),
    mark: { next: next.map(Number), time: row.at.getTime() },
    positions: new Map(ids.map((id, n) => [id, row.positions?.[n] ?? 0])),
    changed: row.changed ?? [],
    endedIds: [...row.endedIds].sort(),
    isSelfChanged: row.isSelfChanged ?? false,
    isMatchChanged: row.isMatchChanged ?? false,
  };
}

function toColumns(gaps: readonly Gap[]) {
  return {
    channelIds: gaps.map(({ channelId }) => channelId),
    lows: gaps.map(({ low }) => low),
    highs: gaps.map(({ high }) => high),
    lowers: gaps.map(({ lower }) => String(lower)),
    uppers: gaps.map(({ upper }) => String(upper)),
  };
}

/** Loads a value once for equal requests: devices of one user that lost their connections at the same moment ask for the same. */
function sharing<Asked extends Wanted, Value>(load: (requests: readonly Asked[]) => Promise<(Value | Error)[]>) {
  return async (requests: readonly Asked[]): Promise<(Value | Error)[]> => {
    const keys = requests.map((request) => JSON.stringify(request));
    const equal = new Map<string, Asked[]>(keys.map((key) => [key, []]));
    for (const [n, request] of requests.entries()) equal.get(keys[n] as string)?.push(request);
    const distinct = [...equal.values()].map((group) => ({
      ...(group[0] as Asked),
      isWanted: () => group.some(isWanted),
    }));
    const values = await load(distinct);
    const found = new Map([...equal.keys()].map((key, n) => [key, values[n] as Value | Error]));
    return keys.map((key) => found.get(key) as Value | Error);
  };
}

function isWanted(request: Wanted): boolean {
  return request.isWanted?.() ?? true;
}

/** Loads values by one statement after another. @param size number of rows that the statement reads for a request */
async function inParts<Asked extends Wanted, Value>(
  requests: readonly Asked[],
  size: (request: Asked) => number,
  most: number,
  load: (part: readonly Asked[]) => Promise<Value[]>,
): Promise<(Value | Error)[]> {
  const values: (Value | Error)[] = requests.map(() => new UnavailableError('The operation took too long: try again.'));
  for (let at = 0; at < requests.length; ) {
    const part: number[] = [];
    for (let rows = 0; at < requests.length; at++) {
      const request = requests[at] as Asked;
      if (!isWanted(request)) continue;
      rows += size(request);
      if (part.length > 0 && rows > most) break;
      part.push(at);
    }
    const loaded = part.length > 0 ? await load(part.map((n) => requests[n] as Asked)) : [];
    for (const [n, value] of loaded.entries()) values[part[n] as number] = value;
  }
  return values;
}
