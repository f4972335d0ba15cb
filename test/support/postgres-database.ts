import { paths } from '../../api/config.ts';
import type { SqlDatabase } from '../../api/infra/database/database.ts';
import { createPostgresDatabase, type PostgresOptions } from '../../api/infra/database/postgres.ts';
import { patienceMs } from './patience.ts';

/** Opens a migrated PostgreSQL database, by default with limits that no test reaches. */
export function createPostgres(url: string, options: Partial<PostgresOptions> = {}): Promise<SqlDatabase> {
  return createPostgresDatabase({
    url,
    pool: 5,
    statementTimeoutMs: patienceMs,
    connectTimeoutMs: patienceMs,
    startTimeoutMs: patienceMs,
    migrations: paths.migrations,
    ...options,
  });
}
