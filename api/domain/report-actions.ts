import type { Report } from '../../prisma/generated/client.ts';
import { BadUserInputError, ConflictError, ForbiddenError, NotFoundError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { readText } from '../text/text-kinds.ts';
import type { Audit } from './audit.ts';
import type { Viewer } from './auth.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { updateReopened, updateResolved } from './report-statements.ts';
import type { ServiceModerators } from './service-moderators.ts';
import type { Submit } from './submit-event.ts';
import type { Suspensions } from './suspensions.ts';
import { throwProblems } from './text.ts';

/** How a moderator resolves a report. */
export interface Resolution {
  action: NonNullable<Report['action']>;
  note: string | null;
}

/** Creates the resolving of reports by moderators of the service. */
export function createReportActions(options: {
  database: Pick<Database, 'prisma' | 'query'>;
  moderators: ServiceModerators;
  suspensions: Pick<Suspensions, 'suspendReported'>;
  submit: Submit;
  audit: Audit;
  rateLimits: RateLimits;
}) {
  const { database, moderators, suspensions, submit, audit } = options;
  const { prisma, query } = database;
  const acts = options.rateLimits.shared('resolutions', rates.moderation);

  return {
    /**
     * Resolves a report and acts. Of two moderators at once one resolves it. If the act fails, the report is open again; the same call by
     * the same moderator repeats an act whose outcome was not known.
     * @throws ForbiddenError for others than moderators of the service, and for the user who is reported; NotFoundError;
     *   BadUserInputError for an action that the report does not allow; ConflictError if another moderator resolved it
     */
    async resolve(viewer: Viewer, id: string, { action, note }: Resolution): Promise<Report> {
      const read = note === null ? null : readText('reason', note, 'note');
      throwProblems(read?.problems ?? []);
      await acts.take(viewer.userId);
      await moderators.require(viewer);
      const resolution = { action, note: read?.value ?? null };
      checkAction(viewer, await requireReport(id), resolution);
      const report = await claim(viewer, id, resolution);
      try {
        await act(viewer, report, resolution);
      } catch (error) {
        await query(updateReopened, { id, moderatorId: viewer.userId });
        throw error;
      }
      return report;
    },
  };

  async function requireReport(id: string): Promise<Report> {
    const report = await prisma.report.findUnique({ where: { id } });
    if (report === null) throw new NotFoundError('Report not found.');
    return report;
  }

  async function claim({ userId }: Viewer, id: string, resolution: Resolution): Promise<Report> {
    const [claimed] = await query(updateResolved, { id, at: new Date(), moderatorId: userId, ...resolution });
    if (claimed) return claimed;
    const report = await requireReport(id);
    if (report.resolvedById === userId && report.action === resolution.action) return report;
    throw new ConflictError('The report has been resolved. Load it again.');
  }

  async function act(viewer: Viewer, report: Report, { action, note }: Resolution): Promise<void> {
    const { userId, channelId, messageId } = report;
    if (action === 'SUSPEND_USER') return suspensions.suspendReported(viewer, userId, note ?? report.reason);
    const message = channelId !== null && messageId !== null ? { channelId, messageId } : null;
    if (action === 'DELETE_MESSAGE' && message)
      await submit({ type: 'MessageDeleted', ...message, actorId: viewer.userId, asModerator: true }, viewer.deadline);
    const audited = action === 'DISMISS' ? 'REPORT_DISMISSED' : 'MESSAGE_DELETED';
    await audit.write({ act: audited, actorId: viewer.userId, userId, channelId, messageId, reason: note });
  }
}

export type ReportActions = ReturnType<typeof createReportActions>;

function checkAction({ userId }: Viewer, report: Report, { action }: Resolution): void {
  if (report.userId === userId) throw new ForbiddenError('Another moderator must resolve a report about you.');
  if (action === 'DELETE_MESSAGE' && report.messageId === null)
    throw new BadUserInputError([{ path: 'action', message: 'must not be DELETE_MESSAGE for a report of a user' }]);
}
