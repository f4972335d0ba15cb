import type { Config } from '../config.ts';
import { createCleanup } from '../domain/cleanup/cleanup.ts';
import { createGuestCleanup } from '../domain/cleanup/guests.ts';
import { createHistoryTrimming } from '../domain/cleanup/history-trimming.ts';
import { type CleanupJob, dayMs, hourMs, onceCaughtUp } from '../domain/cleanup/job.ts';
import { createMatchRepair } from '../domain/cleanup/match-repair.ts';
import { createMatchCleanup } from '../domain/cleanup/matches.ts';
import { createMessageDataCleanup } from '../domain/cleanup/message-data.ts';
import { createModerationCleanup } from '../domain/cleanup/moderation.ts';
import { createNameKeys } from '../domain/cleanup/name-keys.ts';
import { createOffsetTracking } from '../domain/cleanup/offsets.ts';
import { createResetCleanup } from '../domain/cleanup/password-resets.ts';
import { createPastChangesCleanup } from '../domain/cleanup/past-changes.ts';
import { createPurgeJob } from '../domain/cleanup/purges.ts';
import { createSessionCleanup } from '../domain/cleanup/session-cleanup.ts';
import { createUploadCleanup } from '../domain/cleanup/upload-cleanup.ts';
import type { Erasures } from '../domain/erasure/erasures.ts';
import type { LogGuard } from '../domain/log-guard.ts';
import type { Submit } from '../domain/submit-event.ts';
import type { Database } from '../infra/database/database.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';

/** Starts the cleanup of a gateway: one rule for each table that grows, listed in docs/operations.md. */
export async function openCleanup(given: {
  config: Config;
  open: Open;
  metrics: Metrics;
  database: Database;
  objects: Objects;
  erasures: Pick<Erasures, 'job'>;
  pubsub: PubSub;
  submit: Submit;
  guard: LogGuard;
  log: EventLog;
  logger: Logger;
}): Promise<void> {
  const { config, open, metrics, database, objects, submit, guard, logger } = given;
  const ttlMs = config.REFRESH_TTL_DAYS * dayMs;
  const retentionMs = config.MATCH_RETENTION_HOURS * hourMs;
  const jobs = [
    createUploadCleanup({ database, objects, guard }),
    ...often(ttlMs, [...createSessionCleanup({ database, ttlMs }), createGuestCleanup({ database, ttlMs })]),
    createResetCleanup(database),
    ...createMessageDataCleanup(database),
    ...often(retentionMs, createMatchCleanup({ database, submit, guard, retentionMs })),
    ...trimming(given),
    createMatchRepair(given),
    createPurgeJob({ database, submit }),
    onceCaughtUp(guard, given.erasures.job),
    createNameKeys(database),
    createOffsetTracking(given),
    ...createModerationCleanup({ database, auditMs: config.AUDIT_DAYS * dayMs }),
    ...createPastChangesCleanup({ database, cursorMs: config.CURSOR_DAYS * dayMs }),
  ];
  const cleanup = await open('cleanup', createCleanup({ database, jobs, onRemoved: metrics.onRemoved, logger }));
  const help = 'Seconds since the last complete round of the cleanup job that has waited for the longest time.';
  metrics.gauge('cleanup_age_seconds', help, () => cleanup.ageMs() / 1_000);
}

/** Returns the job that removes old messages; none if they stay. */
function trimming({
  config,
  ...given
}: Pick<Parameters<typeof openCleanup>[0], 'config' | 'database' | 'submit' | 'guard'>) {
  if (config.RETENTION_DAYS === undefined) return [];
  const retentionMs = config.RETENTION_DAYS * dayMs;
  return often(retentionMs, [createHistoryTrimming({ ...given, retentionMs })]);
}

/** Returns jobs whose rounds come at least four times within the age at which they remove rows: a short age counts too. */
function often(ageMs: number, jobs: readonly CleanupJob[]): CleanupJob[] {
  return jobs.map((job) => ({ ...job, intervalMs: Math.min(job.intervalMs, ageMs / 4) }));
}
