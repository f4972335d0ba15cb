import { randomUUID } from 'node:crypto';
import type { Report } from '../../prisma/generated/client.ts';
import { BadUserInputError, NotFoundError } from '../errors.ts';
import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { readText } from '../text/text-kinds.ts';
import type { Access } from './access.ts';
import type { Viewer } from './auth.ts';
import { type Page, type PageRequest, type TimeKey, toPage, toTimePage } from './pages.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { insertReport, selectReports } from './report-statements.ts';
import type { SecurityLog } from './security-log.ts';
import type { ServiceModerators } from './service-moderators.ts';
import { throwProblems } from './text.ts';

/** A report to file: of a message or of a user, the other of which is null. */
export interface ReportInput {
  messageId: string | null;
  userId: string | null;
  reason: string;
}

/** The user who is reported, and the message that is, if any. */
interface Subject {
  userId: string;
  entry: Entry | null;
}

/** Creates the reports of messages and users to the moderators of the service. */
export function createReports(options: {
  database: Database;
  access: Pick<Access, 'requireReport'>;
  moderators: ServiceModerators;
  findEntry(id: string): Promise<Entry | null>;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
}) {
  const { database, access, moderators, findEntry, securityLog } = options;
  const { prisma, query } = database;
  const reports = options.rateLimits.shared('reports', rates.reports);
  const reportsOfDay = options.rateLimits.shared('reports-day', rates.reportsOfDay);

  return {
    /**
     * Reports a message that the viewer may read, or a user. The text is kept as it is now. While a report is open, the same viewer's
     * next one of the same message or user returns it.
     * @throws BadUserInputError unless exactly one of the two is named, and it is not the viewer's own; NotFoundError; RateLimitedError
     */
    async file(viewer: Viewer, input: ReportInput): Promise<Report> {
      const reason = readText('reason', input.reason, 'input.reason');
      throwProblems(reason.problems);
      await reports.take(viewer.userId);
      await reportsOfDay.take(viewer.userId);
      const { userId, entry } = await findSubject(viewer, input);
      const [report] = await query(insertReport, {
        id: randomUUID(),
        reporterId: viewer.userId,
        userId,
        channelId: entry?.channelId ?? null,
        messageId: entry?.id ?? null,
        text: entry?.text ?? null,
        reason: reason.value,
        at: new Date(),
      });
      if (report === undefined) throw new NotFoundError('User not found.');
      securityLog.write('user_reported', { userId: viewer.userId, targetId: userId }, viewer.origin);
      return report;
    },

    /** Reads a page of the open or the resolved reports, oldest first. @throws ForbiddenError for others than moderators of the service */
    async page(viewer: Viewer, isOpen: boolean, request: PageRequest<TimeKey>): Promise<Page<Report>> {
      await moderators.require(viewer);
      const rows = await database.read(viewer.userId, selectReports(isOpen)(request), toTimePage(request));
      return toPage(rows, request);
    },

    /** Returns a report; null if there is none. The caller checks that the viewer may see it. */
    find: (id: string): Promise<Report | null> => prisma.report.findUnique({ where: { id } }),
  };

  function findSubject(viewer: Viewer, { messageId, userId }: ReportInput): Promise<Subject> {
    if (messageId !== null && userId === null) return findMessage(viewer, messageId);
    if (userId !== null && messageId === null) return findUser(viewer, userId);
    throw new BadUserInputError([{ path: 'input', message: 'must name either a message or a user' }]);
  }

  async function findMessage(viewer: Viewer, messageId: string): Promise<Subject> {
    const entry = await access.requireReport(await findEntry(messageId), viewer.userId);
    return { userId: entry.authorId, entry };
  }

  async function findUser(viewer: Viewer, userId: string): Promise<Subject> {
    if (userId === viewer.userId)
      throw new BadUserInputError([{ path: 'input.userId', message: 'must not be your own id' }]);
    if ((await prisma.user.count({ where: { id: userId } })) === 0) throw new NotFoundError('User not found.');
    return { userId, entry: null };
  }
}

export type Reports = ReturnType<typeof createReports>;
