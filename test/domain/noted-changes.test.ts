import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dayMs } from '../../api/domain/cleanup/job.ts';
import { createPastChangesCleanup } from '../../api/domain/cleanup/past-changes.ts';
import { completeRound } from '../support/cleanup.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
const [ada, bob, room] = [randomUUID(), randomUUID(), randomUUID()];

/** Runs a statement as a process of this release or of the one before may write it. */
const run = (sql: string, parameters: unknown[] = []) => database.query<Record<string, unknown>>(sql, parameters);

describe.each(databaseKinds)('changes that %s notes', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    for (const id of [ada, bob]) await run(`INSERT INTO users (id, name, created_at) VALUES ($1, 'old', now())`, [id]);
    await run(
      `INSERT INTO channel (id, kind, visibility, created_at, last_activity_at) VALUES ($1, 'MATCH', 'PRIVATE', now(), now())`,
      [room],
    );
    for (const [id, state] of [
      [ada, 'ACTIVE'],
      [bob, 'LEFT'],
    ])
      await run(
        `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq) VALUES ($1, $2, 'MEMBER', $3, now(), 0)`,
        [room, id, state],
      );
  });

  it('a change of the name or the picture, for the user and for each channel of which the user is a member', async () => {
    await run('UPDATE users SET name = name, last_seen_at = now(), password_hash = $1', ['hash']);
    expect(await run('SELECT FROM users WHERE changed_at IS NOT NULL')).toHaveLength(0);
    await run(`UPDATE users SET name = 'new'`);
    expect(await run('SELECT FROM users WHERE changed_at > created_at')).toHaveLength(2);
    expect(await run('SELECT channel_id, user_id FROM profile_change')).toEqual([{ channel_id: room, user_id: ada }]);
    const times = async () => (await run('SELECT changed_at FROM profile_change')).map(({ changed_at }) => changed_at);
    const [first] = await times();
    await run('UPDATE users SET avatar_id = $1', [randomUUID()]);
    const [second] = await times();
    expect(Number(second)).toBeGreaterThanOrEqual(Number(first));
  });

  it('a change of the e-mail address, for the user alone', async () => {
    await run(`UPDATE users SET email = 'a@example.org' WHERE id = $1`, [ada]);
    expect(await run('SELECT id FROM users WHERE changed_at IS NOT NULL')).toEqual([{ id: ada }]);
    expect(await run('SELECT FROM profile_change')).toHaveLength(0);
  });

  it('the end of a block, also a second one', async () => {
    for (const _ of [1, 2]) {
      await run('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', [ada, bob]);
      await run('DELETE FROM block');
    }
    expect(await run('SELECT blocker_id, blocked_id FROM block_end')).toEqual([{ blocker_id: ada, blocked_id: bob }]);
  });

  it('the end of memberships whose channel is removed', async () => {
    await run('DELETE FROM channel');
    const ended = await run('SELECT user_id FROM membership_end WHERE channel_id = $1', [room]);
    expect(ended.map(({ user_id }) => user_id).sort()).toEqual([ada, bob].sort());
  });

  it('a seen mark that is set or moves, and preferences that change', async () => {
    await run('INSERT INTO seen_mark (channel_id, user_id, seq) VALUES ($1, $2, 1)', [room, ada]);
    await run(`UPDATE seen_mark SET changed_at = changed_at - interval '1 hour'`);
    const isRecent = async () =>
      (await run(`SELECT changed_at > now() - interval '1 minute' AS is FROM seen_mark`))[0]?.['is'];
    await run('UPDATE seen_mark SET seq = greatest(seq, 0)');
    expect(await isRecent()).toBe(false);
    await run('UPDATE seen_mark SET seq = 2');
    expect(await isRecent()).toBe(true);
    for (const change of [`notify = 'NOTHING'`, 'pinned = true', 'archived_seq = 2', 'archived_seq = NULL']) {
      await run(`UPDATE seen_mark SET changed_at = changed_at - interval '1 hour'`);
      await run(`UPDATE seen_mark SET ${change}`);
      expect(await isRecent(), change).toBe(true);
    }
  });

  it('no longer than cursors can be used', async () => {
    await run('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', [ada, bob]);
    await run(`DELETE FROM block`);
    await run(`UPDATE users SET name = 'new'`);
    await run('DELETE FROM channel');
    const rounds = async (now: number) => {
      const jobs = createPastChangesCleanup({ database, cursorMs: 30 * dayMs, now: () => now });
      return Promise.all(jobs.map((job) => completeRound(job)));
    };
    expect(await rounds(Date.now() + 30 * dayMs)).toEqual([
      { membership_end: 0 },
      { block_end: 0 },
      { profile_change: 0 },
    ]);
    expect(await rounds(Date.now() + 32 * dayMs)).toEqual([
      { membership_end: 2 },
      { block_end: 1 },
      { profile_change: 1 },
    ]);
  });
});
