import type { Database } from '../../infra/database/database.ts';
import type { LogGuard } from '../log-guard.ts';
import type { Submit } from '../submit-event.ts';
import { endMatch } from './end-match.ts';
import { type CleanupJob, createRemovalJob, dayMs, hourMs, lowestId, onceCaughtUp, portion } from './job.ts';
import {
  deleteChannels,
  deleteEndedClaims,
  deleteEntriesOf,
  endClaims,
  lockMembersOf,
  selectClosedMatches,
  selectOpenClaims,
} from './match-statements.ts';

/** Options of the jobs for matches. */
export interface MatchCleanupOptions {
  database: Pick<Database, 'query' | 'transaction'>;
  submit: Submit;
  guard: Pick<LogGuard, 'isCaughtUp'>;
  /** Milliseconds after its end for which a match is kept. */
  retentionMs: number;
  /** Returns epoch milliseconds. */
  now?: () => number;
}

/**
 * Creates the jobs that end matches which both users abandoned, and remove those that ended long ago: first entries, then the
 * channel with its members, and the claims. Files, attachments and seen marks follow by their own jobs.
 *
 * These rows are the bridge's. A closed match takes no event but the deletion of a message and a leave, and the bridge
 * refuses both once the row that it would change is gone. Removal depends on nothing but `closed_at`, so a restored
 * database comes to the same state: see docs/decisions/0039-removing-closed-matches.md.
 */
export function createMatchCleanup({
  database,
  submit,
  guard,
  retentionMs,
  now = Date.now,
}: MatchCleanupOptions): CleanupJob[] {
  const { query, transaction } = database;
  const before = () => new Date(now() - retentionMs);

  return [
    onceCaughtUp(guard, { name: 'abandoned matches', intervalMs: dayMs, step: endAbandoned }),
    { name: 'closed matches', intervalMs: hourMs, step: removeClosed },
    createRemovalJob({
      name: 'match claims',
      table: 'match_claim',
      remove: () => query(deleteEndedClaims, { before: before() }),
    }),
  ];

  async function endAbandoned(cursor: string | null) {
    const claims = await query(selectOpenClaims, { after: cursor ?? lowestId, before: before() });
    const orphans = claims.filter(({ isOrphan }) => isOrphan).map(({ ticketId }) => ticketId);
    if (orphans.length > 0) await query(endClaims, { ticketIds: orphans });
    const ended = new Set<string>();
    for (const { userId, channelId, revision } of claims) {
      // One user leaves, which ends both claims.
      if (revision === null || ended.has(channelId)) continue;
      await endMatch(submit, { channelId, userId, revision });
      ended.add(channelId);
    }
    return { next: claims.at(-1)?.userId ?? null, removed: {} };
  }

  async function removeClosed() {
    const ids = (await query(selectClosedMatches, { before: before() })).map(({ id }) => id);
    if (ids.length === 0) return { next: null, removed: {} };
    const entries = await query(deleteEntriesOf, { ids });
    if (entries.length === portion) return { next: '', removed: { entry: entries.length } };
    const { entry, ...rest } = await removeChannels(ids);
    return { next: '', removed: { ...rest, entry: entries.length + entry } };
  }

  /** Locks members before the channel, in the order in which the bridge does: so neither waits for the other. */
  async function removeChannels(ids: readonly string[]) {
    return transaction(async (statement) => {
      const members = await statement(lockMembersOf, { ids });
      const channels = await statement(deleteChannels, { ids });
      // A member may have left since the entries were removed. From now on none can be added.
      const late = await statement(deleteEntriesOf, { ids });
      return { channel: channels.length, member: members.length, entry: late.length };
    });
  }
}
