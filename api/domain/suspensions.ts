import type { User } from '../../prisma/generated/client.ts';
import { BadUserInputError, type FieldProblem, NotFoundError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { nullable, timestamptz, uuid } from '../infra/database/types.ts';
import type { Logger } from '../logger.ts';
import { readText } from '../text/text-kinds.ts';
import { throwRefusal } from './access.ts';
import type { Audit } from './audit.ts';
import type { Auth, Viewer } from './auth.ts';
import { maySuspend } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import type { ServiceModerators } from './service-moderators.ts';
import { updateRevoked } from './session-statements.ts';
import { notSuspended } from './suspension-rules.ts';
import { throwProblems } from './text.ts';

/** Creates the suspensions of users, by moderators of the service. A suspended user is signed out everywhere and cannot sign in. */
export function createSuspensions(options: {
  database: Database;
  auth: Pick<Auth, 'publishRevocation'>;
  moderators: ServiceModerators;
  audit: Audit;
  /** Takes a user out of the queue, or ends the user's match. */
  withdraw(userId: string): Promise<unknown>;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
  logger: Logger;
}) {
  const { database, auth, moderators, audit, withdraw, securityLog, logger } = options;
  const acts = options.rateLimits.shared('moderation', rates.moderation);

  return {
    /**
     * Suspends a user, or replaces the end of a suspension: ends all sessions and closes their connections on every node, and takes
     * the user out of matching. Sends that the log has already are applied.
     * @param input.until end of the suspension; null for none
     * @throws ForbiddenError for other viewers than moderators of the service, and for users who are moderators
     */
    async suspend(viewer: Viewer, userId: string, input: { until: Date | null; reason: string }): Promise<User> {
      const user = await requireSubject(viewer, userId);
      const reason = readText('reason', input.reason, 'reason');
      throwProblems([...endProblems(input.until), ...reason.problems]);
      return apply(viewer, user, { until: input.until, reason: reason.value });
    },

    /** Suspends a user for good because of a report. @param reason text in its stored form. @throws as `suspend` */
    async suspendReported(viewer: Viewer, userId: string, reason: string): Promise<void> {
      await apply(viewer, await requireSubject(viewer, userId), { until: null, reason });
    },

    /** Ends a suspension, and forgets the networks of the user. Without one, nothing changes. */
    async reinstate(viewer: Viewer, userId: string): Promise<User> {
      const user = await requireSubject(viewer, userId);
      const at = new Date();
      const ended = await database.transaction(async (query) => {
        const [found] = await query(updateReinstated, { userId, at });
        if (found) await audit.write({ act: 'USER_REINSTATED', actorId: viewer.userId, userId }, query);
        return found !== undefined;
      });
      if (ended) securityLog.write('user_reinstated', { userId: viewer.userId, targetId: userId }, viewer.origin);
      return user;
    },
  };

  async function requireSubject(viewer: Viewer, userId: string): Promise<User> {
    await acts.take(viewer.userId);
    const user = await moderators.subject(viewer, userId);
    if (userId === viewer.userId) throw new BadUserInputError([{ path: 'userId', message: 'must not be your own id' }]);
    if (user === null) throw new NotFoundError('User not found.');
    return user;
  }

  async function apply(viewer: Viewer, user: User, how: { until: Date | null; reason: string }): Promise<User> {
    throwRefusal(maySuspend(user));
    const sessionIds = await database.transaction((query) => write(query, viewer, user.id, how));
    securityLog.write('user_suspended', { userId: viewer.userId, targetId: user.id, sessionIds }, viewer.origin);
    await auth.publishRevocation(user.id, sessionIds);
    // A place in the queue that stays ends with its lease, which nobody can renew any longer.
    await withdraw(user.id).catch((error: unknown) => logger.warn({ error }, 'a suspended user was not unmatched'));
    return user;
  }

  /** Returns the ids of the sessions that the suspension ended. A sign-in at the same time comes before it, or is refused. */
  async function write(query: Query, viewer: Viewer, userId: string, how: { until: Date | null; reason: string }) {
    const at = new Date();
    await query(updateSuspended, { userId, at, until: how.until });
    await query(insertPlaces, { userId, at });
    const ended = await query(updateRevoked, { userId, only: null, except: null, at });
    await audit.write({ act: 'USER_SUSPENDED', actorId: viewer.userId, userId, ...how }, query);
    return ended.map(({ id }) => id);
  }
}

export type Suspensions = ReturnType<typeof createSuspensions>;

function endProblems(until: Date | null): FieldProblem[] {
  if (until === null || until.getTime() > Date.now()) return [];
  return [{ path: 'until', message: 'must be in the future' }];
}

const updateSuspended = statement({
  sql: 'UPDATE users SET suspended_at = $at, suspended_until = $until WHERE id = $userId',
  parameters: { userId: uuid, at: timestamptz, until: nullable(timestamptz) },
});

/** Ends a suspension; no row if there is none at that time. */
const updateReinstated = statement({
  sql: `
    WITH forgotten AS (DELETE FROM suspended_place WHERE user_id = $userId)
    UPDATE users u SET suspended_at = NULL, suspended_until = NULL WHERE u.id = $userId AND NOT ${notSuspended} RETURNING u.id`,
  parameters: { userId: uuid, at: timestamptz },
  row: { id: uuid },
});

/** Remembers the networks that the user's sessions were last used from. */
const insertPlaces = statement({
  sql: `
    INSERT INTO suspended_place (user_id, place, suspended_at)
    SELECT DISTINCT s.user_id, s.place, $at FROM session s WHERE s.user_id = $userId AND s.place IS NOT NULL
    ON CONFLICT (user_id, place) DO UPDATE SET suspended_at = excluded.suspended_at`,
  parameters: { userId: uuid, at: timestamptz },
});
