import { beforeAll, describe, expect, it } from 'vitest';
import '../../../api/domain/cleanup/guests.ts';
import '../../../api/domain/cleanup/match-repair.ts';
import '../../../api/domain/cleanup/match-statements.ts';
import '../../../api/domain/cleanup/message-data.ts';
import '../../../api/domain/cleanup/name-keys.ts';
import '../../../api/domain/cleanup/newest-change.ts';
import '../../../api/domain/cleanup/offsets.ts';
import '../../../api/domain/cleanup/past-changes.ts';
import '../../../api/domain/cleanup/session-statements.ts';
import '../../../api/domain/cleanup/upload-statements.ts';
import { statements } from '../../../api/infra/database/statement.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openDatabase();
  // With these settings, a plan reads or sorts a whole table only if there is no index for it.
  await database.query('SET enable_seqscan = off');
  await database.query('SET enable_sort = off');
  return () => database.stop();
});

/** Returns the sorts of a plan whose rows no limit has bounded before. */
function unboundedSorts(plan: string): string[] {
  const nodes = plan.split('\n').filter((line, n) => n === 0 || line.includes('->'));
  return nodes.filter(
    (node, n) => /^\s*(->\s+)?Sort/.test(node) && !/->\s+(Limit|CTE Scan|Subquery Scan)/.test(nodes[n + 1] ?? ''),
  );
}

describe('statements of the cleanup read by indexes for all parameters', () => {
  it.each(statements.map(({ text }) => [text.replace(/\s+/g, ' ').trim().slice(0, 90), text] as const))(
    '%s',
    async (_, text) => {
      const rows = await database.query<Record<string, string>>(`EXPLAIN (GENERIC_PLAN, COSTS OFF) ${text}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).not.toContain('Seq Scan');
      expect(unboundedSorts(plan)).toEqual([]);
    },
  );
});
