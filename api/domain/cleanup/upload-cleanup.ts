import type { Database } from '../../infra/database/database.ts';
import type { Objects } from '../../infra/objects/objects.ts';
import { fileKey, isFileKey, thumbnailKey } from '../file-keys.ts';
import type { LogGuard } from '../log-guard.ts';
import { type CleanupJob, dayMs, hourMs, lowestId, onceCaughtUp, portion, type StepResult } from './job.ts';
import { newestChangeAfter, newestRoomChange } from './newest-change.ts';
import { createStrayObjects } from './stray-objects.ts';
import { deleteOldTickets, deleteUploads, selectUploads } from './upload-statements.ts';

/**
 * Age in milliseconds at which unreferenced files are removed. It exceeds `attachableMs` plus any lag of the event log, so
 * that the message of a younger file may still arrive.
 */
const defaultGraceMs = dayMs;

/** Point of a round: its phase, and the last id or page that was examined. Times are epoch milliseconds. */
type Cursor =
  | { phase: 'channels'; after: string; newest: number }
  | { phase: 'uploads'; after: string; before: number }
  | { phase: 'tickets'; before: number }
  | { phase: 'objects'; after: string | null; before: number };

/**
 * Creates the job that removes files which are no longer referenced: uploads that were never attached, files of deleted
 * messages, tickets whose upload never came, and objects without a row. Files younger than the grace period are kept. It is
 * counted back from the newest change of a channel, since a restored database replays its changes from the log. Partitions
 * are not replayed at the same pace, so nothing is removed before all of them have been.
 * @param options.graceMs minimum age of a removed file, in milliseconds
 */
export function createUploadCleanup(options: {
  database: Pick<Database, 'query'>;
  objects: Objects;
  guard: Pick<LogGuard, 'isCaughtUp'>;
  graceMs?: number;
}): CleanupJob {
  const { objects, guard, graceMs = defaultGraceMs } = options;
  const { query } = options.database;
  const strays = createStrayObjects({ query, objects });

  return onceCaughtUp(guard, {
    name: 'files',
    intervalMs: hourMs,
    async step(text) {
      const cursor = text === null ? await firstCursor() : (JSON.parse(text) as Cursor);
      const { next, removed } = await advance(cursor);
      return { next: next && JSON.stringify(next), removed };
    },
    stop: strays.stop,
  });

  async function firstCursor(): Promise<Cursor> {
    return { phase: 'channels', after: lowestId, newest: await newestRoomChange(query) };
  }

  function advance(cursor: Cursor): Promise<Step> {
    switch (cursor.phase) {
      case 'channels':
        return findNewestChange(cursor);
      case 'uploads':
        return removeUploads(cursor);
      case 'tickets':
        return removeTickets(cursor);
      case 'objects':
        return removeObjects(cursor);
      default:
        throw new Error(`unknown phase ${JSON.stringify(cursor satisfies never)}`);
    }
  }

  /** Looks for the newest change, until one is found that is recent enough. */
  async function findNewestChange({ after, newest }: CursorOf<'channels'>): Promise<Step> {
    const recently = Date.now() - hourMs;
    const found = newest >= recently ? null : await newestChangeAfter(query, after);
    const latest = Math.max(newest, found?.at ?? 0);
    if (found?.lastId && latest < recently)
      return { next: { phase: 'channels', after: found.lastId, newest: latest }, removed: {} };
    return { next: { phase: 'uploads', after: lowestId, before: Math.min(Date.now(), latest) - graceMs }, removed: {} };
  }

  /** Removes objects before their rows: the next run finds a row without an object, not the reverse. */
  async function removeUploads({ after, before }: CursorOf<'uploads'>): Promise<Step> {
    const rows = await query(selectUploads, { after, before: new Date(before) });
    const last = rows.at(-1);
    if (last === undefined) return { next: { phase: 'tickets', before }, removed: {} };
    const ids = rows.filter(({ isUnused }) => isUnused).map(({ id }) => id);
    await objects.remove(ids.flatMap((id) => [fileKey(id), thumbnailKey(id)]));
    const removed = ids.length === 0 ? [] : await query(deleteUploads, { ids });
    return { next: { phase: 'uploads', after: last.id, before }, removed: { upload: removed.length } };
  }

  async function removeTickets({ before }: CursorOf<'tickets'>): Promise<Step> {
    const { length } = await query(deleteOldTickets, { before: new Date(before) });
    const removed = { upload_ticket: length };
    if (length === portion) return { next: { phase: 'tickets', before }, removed };
    await objects.removeIncomplete(new Date(before), isFileKey);
    return { next: { phase: 'objects', after: null, before }, removed };
  }

  async function removeObjects({ after, before }: CursorOf<'objects'>): Promise<Step> {
    const { next, removed } = await strays.removeNext(after, new Date(before));
    return { next: next === null ? null : { phase: 'objects', after: next, before }, removed: { object: removed } };
  }
}

type CursorOf<Phase extends Cursor['phase']> = Extract<Cursor, { phase: Phase }>;

/** Result of a step before its cursor is written as text. */
interface Step {
  next: Cursor | null;
  removed: StepResult['removed'];
}
