import { batched } from '../../batched.ts';
import { ResyncRequiredError, UnavailableError } from '../../errors.ts';
import type { Database } from '../../infra/database/database.ts';
import type { Tickets } from '../../infra/state/state.ts';
import type { LogGuard } from '../log-guard.ts';
import { createSnapshots, type Snapshot } from './snapshots.ts';
import { type BacklogUpdate, sweep, targetOf } from './sweep.ts';
import { decodeUpdateCursor, type UpdateCursor } from './update-cursor.ts';

/** A page of updates. */
export interface UpdatePage {
  updates: readonly BacklogUpdate[];
  cursor: UpdateCursor;
  hasMore: boolean;
}

/** The point at which a resume has delivered everything. */
export interface Resumed {
  cursor: UpdateCursor;
  /** Positions of all channels of the viewer at that point. */
  positions: ReadonlyMap<string, number>;
}

const dayMs = 86_400_000;
/** Maximum number of updates that are handed over together. */
const pageSize = 100;

/**
 * Creates the reads of everything that has changed for a viewer since a cursor.
 *
 * All methods take `after`, a cursor in the form of `encodeUpdateCursor`, or null for the present, and throw
 * - BadUserInputError if it cannot be read,
 * - ResyncRequiredError if it is of another log, beyond everything that the database has applied, or too old,
 * - UnavailableError while the database has not caught up with the log, so that the cursor may become valid.
 * @param options.tickets places in the matching queue, of which the database knows nothing; while they are away they yield no update
 * @param options.guard tells whether the database has caught up
 * @param options.maxReplay maximum number of messages that a client gets replayed
 * @param options.cursorDays days for which a cursor can be used
 */
export function createUpdates(options: {
  database: Pick<Database, 'read'>;
  tickets: Pick<Tickets, 'find'>;
  logName: string;
  guard: Pick<LogGuard, 'isCaughtUp' | 'caughtUpMs'>;
  maxReplay: number;
  cursorDays: number;
}) {
  const { guard, tickets, maxReplay, cursorDays } = options;
  const reads = createSnapshots(options);
  const findPlace = batched((userIds: readonly string[]) => tickets.find(userIds));

  return {
    /**
     * Returns the first updates after a cursor. Their number is at most `first`, and none without a cursor.
     * @param first above 0
     */
    async page(userId: string, after: string | null, first: number): Promise<UpdatePage> {
      const { cursor, snapshot } = await begin({ userId, cursor: after === null ? null : decodeUpdateCursor(after) });
      const updates: BacklogUpdate[] = [];
      for await (const update of sweep(snapshot, { userId, cursor, reads, maxReplay })) {
        if (updates.length === first) return { updates, cursor: updates.at(-1)?.cursor ?? cursor, hasMore: true };
        updates.push(update);
      }
      return { updates, cursor: endOf(cursor, snapshot), hasMore: false };
    },

    /**
     * Delivers everything that has changed since a cursor, page by page, and resolves at the point up to which that goes. Follow the
     * viewer's channels and records live before you call it: later changes come that way.
     * @param deliver resolves when it can take the next page
     * @param isWanted whether the client still waits for the first page, by default it does; if not, this may throw UnavailableError
     */
    async resume(
      userId: string,
      after: string | null,
      deliver: (updates: readonly BacklogUpdate[]) => Promise<void> | void,
      isWanted?: () => boolean,
    ): Promise<Resumed> {
      let at = after === null ? null : decodeUpdateCursor(after);
      const wanted: typeof reads = { ...reads, entries: (request) => reads.entries({ ...request, isWanted }) };
      for (;;) {
        const { cursor, snapshot } = await begin({ userId, cursor: at, isWanted });
        await deliverAll(sweep(snapshot, { userId, cursor, reads: wanted, maxReplay }), deliver);
        // A sweep that an earlier connection began ends where it would have ended then.
        if (cursor.sweep === null) return { cursor: endOf(cursor, snapshot), positions: snapshot.positions };
        at = endOf(cursor, snapshot);
      }
    },
  };

  async function begin(
    request: Parameters<typeof reads.snapshot>[0],
  ): Promise<{ cursor: UpdateCursor; snapshot: Snapshot }> {
    const { userId, cursor } = request;
    const since = performance.now() - guard.caughtUpMs;
    const snapshot = await reads.snapshot(request);
    if (cursor === null) return { cursor: { log: snapshot.log, from: snapshot.mark, sweep: null }, snapshot };
    const reason = refusalOf(cursor, snapshot, cursorDays);
    if (reason === null) return { cursor, snapshot: await withPlace(userId, cursor, snapshot) };
    if (!(await guard.isCaughtUp(null, since)))
      throw new UnavailableError('The server is catching up after an interruption: try again in a moment.');
    throw new ResyncRequiredError(
      `The cursor ${reason}. Drop everything that you have cached, load it again, and continue with the cursor of \`updates\` without \`after\`.`,
    );
  }

  /** A place may have been taken on another device. A sweep that goes on has told of it. */
  async function withPlace(userId: string, cursor: UpdateCursor, snapshot: Snapshot): Promise<Snapshot> {
    if (cursor.sweep !== null || snapshot.isMatchChanged) return snapshot;
    const place = await findPlace(userId).catch(() => null);
    return { ...snapshot, isMatchChanged: place !== null };
  }
}

export type Updates = ReturnType<typeof createUpdates>;

/** Returns why a cursor cannot be used; null if it can. */
function refusalOf({ log, from, sweep }: UpdateCursor, { log: present, mark }: Snapshot, days: number): string | null {
  if (log !== present || from.next.length !== mark.next.length) return 'belongs to another log';
  const isAbove = (sweep?.to ?? from).next.some((next, partition) => next > (mark.next[partition] ?? 0));
  if (isAbove) return 'is beyond the newest change';
  return mark.time - from.time > days * dayMs ? `is more than ${days} days old` : null;
}

function endOf(cursor: UpdateCursor, snapshot: Snapshot): UpdateCursor {
  return { log: cursor.log, from: targetOf(cursor, snapshot), sweep: null };
}

async function deliverAll(
  updates: AsyncIterable<BacklogUpdate>,
  deliver: (updates: readonly BacklogUpdate[]) => Promise<void> | void,
): Promise<void> {
  let page: BacklogUpdate[] = [];
  for await (const update of updates) {
    page.push(update);
    if (page.length < pageSize) continue;
    await deliver(page);
    page = [];
  }
  if (page.length > 0) await deliver(page);
}
