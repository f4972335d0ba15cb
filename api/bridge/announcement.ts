import type { Database } from '../infra/database/database.ts';
import { announceBridge, removeBridge } from '../infra/database/event-logs.ts';
import type { Logger } from '../logger.ts';

/** Milliseconds after which a killed bridge no longer counts, and between two renewals. */
const leaseMs = 30_000;
const renewMs = leaseMs / 3;

/**
 * Announces a bridge in the database while it runs, so that gateways know which versions of records they may write.
 * @param options.wireVersion newest version that the bridge can read
 */
export function createAnnouncement(options: {
  database: Pick<Database, 'query'>;
  id: string;
  log: string;
  wireVersion: number;
  logger: Logger;
}) {
  const { database, id, log, wireVersion, logger } = options;
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();

  async function renew(): Promise<void> {
    await announceBridge(database.query, { id, log, wireVersion, leaseMs });
  }

  return {
    /** Resolves once the bridge is announced. */
    async start(): Promise<void> {
      await renew();
      timer = setInterval(() => {
        renewing = renew().catch((error: unknown) => logger.warn({ error }, 'the bridge could not renew its row'));
      }, renewMs);
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      await renewing;
      // The row expires by itself if the database is away.
      await removeBridge(database.query, id).catch((error: unknown) =>
        logger.warn({ error }, 'the bridge could not remove its row'),
      );
    },
  };
}
