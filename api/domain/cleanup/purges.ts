import type { Database } from '../../infra/database/database.ts';
import type { Submit } from '../submit-event.ts';
import type { CleanupJob } from './job.ts';

const intervalMs = 60_000;
/** Maximum number of purges of which one step of the job does a step. */
const maxPurges = 20;

/** Creates the job that goes on with the deletion of banned users' messages where the request of the ban ended before. */
export function createPurgeJob({
  database,
  submit,
}: {
  database: Pick<Database, 'prisma'>;
  submit: Submit;
}): CleanupJob {
  return {
    name: 'purges',
    intervalMs,
    async step() {
      const purges = await database.prisma.purge.findMany({ take: maxPurges, orderBy: { channelId: 'asc' } });
      for (const { channelId, userId } of purges)
        await submit({ type: 'MessagesPurged', channelId, userId, actorId: userId });
      return { next: purges.length > 0 ? '' : null, removed: {} };
    },
  };
}
