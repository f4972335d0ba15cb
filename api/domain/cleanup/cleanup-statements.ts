import { statement } from '../../infra/database/statement.ts';
import { columns } from '../../infra/database/table.ts';
import { tables } from '../../infra/database/tables.ts';
import { arrayOf, int4, nullable, text, uuid } from '../../infra/database/types.ts';

/** Takes or renews a lease, and returns a row unless another process holds it. */
export const takeLease = statement({
  sql: `
    INSERT INTO lease (name, holder, expires_at) VALUES ($name, $holder, now() + make_interval(secs => $seconds))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE lease.holder = excluded.holder OR lease.expires_at < now() RETURNING holder`,
  parameters: { name: text, holder: uuid, seconds: int4 },
  row: { holder: uuid },
});

/** Gives up a lease. */
export const releaseLease = statement({
  sql: 'DELETE FROM lease WHERE name = $name AND holder = $holder',
  parameters: { name: text, holder: uuid },
});

/** Inserts the jobs that the database does not know. */
export const insertJobs = statement({
  sql: 'INSERT INTO cleanup_job (name, created_at) SELECT j, now() FROM unnest($names) AS j ON CONFLICT DO NOTHING',
  parameters: { names: arrayOf(text) },
});

const job = columns(tables.cleanupJob, 'j', ['name', 'cursor']);

/** Reads jobs, and the seconds since the last complete round of each: null if there was none; `ageSeconds` counts from the insertion then. */
export const selectJobs = statement({
  sql: `
    SELECT ${job.list}, extract(epoch FROM now() - j.completed_at)::int AS "restedSeconds",
      extract(epoch FROM now() - coalesce(j.completed_at, j.created_at))::int AS "ageSeconds"
    FROM cleanup_job j WHERE j.name = ANY($names)`,
  parameters: { names: arrayOf(text) },
  row: { ...job.row, restedSeconds: nullable(int4), ageSeconds: int4 },
});

/** Stores the cursor of a job; null means that its round is complete. */
export const updateJob = statement({
  sql: `
    UPDATE cleanup_job SET cursor = $cursor, completed_at = CASE WHEN $cursor IS NULL THEN now() ELSE completed_at END
    WHERE name = $name`,
  parameters: { name: text, cursor: nullable(text) },
});
