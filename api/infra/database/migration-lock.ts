/** Key of the advisory lock that `prisma migrate` takes too. */
const lockKey = 72_707_369;

/** Statement that waits for the lock under which migrations run. The transaction that runs it holds the lock until its end. */
export const takeMigrationLock = `SELECT pg_advisory_xact_lock(${lockKey})`;
