import { ignore } from '../ignore.ts';
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
  let isStopped = false;

  async function renew(): Promise<void> {
    await announceBridge(database.query, { id, log, wireVersion, leaseMs });
  }

  return {
    /** Resolves once the bridge is announced. */
    async start(): Promise<void> {
      const first = renew();
      renewing = first.catch(ignore);
      await first;
      if (isStopped) return;
      timer = setInterval(() => {
        renewing = renew().catch((error: unknown) => logger.warn({ error }, 'the bridge could not renew its row'));
      }, renewMs);
    },
    /** Also while it starts: the row is removed after it was written. */
    async stop(): Promise<void> {
      isStopped = true;
      clearInterval(timer);
      await renewing;
      // The row expires by itself if the database is away.
      await removeBridge(database.query, id).catch((error: unknown) =>
        logger.warn({ error }, 'the bridge could not remove its row'),
      );
    },
  };
}
