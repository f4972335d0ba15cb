import type { User } from '../../prisma/generated/client.ts';
import { ForbiddenError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import type { Viewer } from './auth.ts';
import { mayModerateService } from './policies.ts';

/** Creates the check that precedes every act of moderation of the service. It reads the database each time. */
export function createServiceModerators({ prisma }: Pick<Database, 'prisma'>) {
  return {
    /** Checks that the viewer may moderate the service: an operator has appointed the user. @throws ForbiddenError */
    require,

    /** Returns a user, or null if there is none, after checking that the viewer may moderate the service. @throws ForbiddenError */
    async subject(viewer: Viewer, userId: string): Promise<User | null> {
      await require(viewer);
      return prisma.user.findUnique({ where: { id: userId } });
    },
  };

  async function require({ userId }: Viewer): Promise<void> {
    const refusal = mayModerateService(await prisma.user.findUnique({ where: { id: userId } }));
    if (refusal) throw new ForbiddenError(refusal.message);
  }
}

export type ServiceModerators = ReturnType<typeof createServiceModerators>;
