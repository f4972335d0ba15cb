import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGuestCleanup } from '../../../api/domain/cleanup/guests.ts';
import { type CleanupJob, dayMs, portion } from '../../../api/domain/cleanup/job.ts';
import { createMatchCleanup } from '../../../api/domain/cleanup/matches.ts';
import { createMessageDataCleanup } from '../../../api/domain/cleanup/message-data.ts';
import type { Submit } from '../../../api/domain/submit-event.ts';
import { ConflictError } from '../../../api/errors.ts';
import type { Database } from '../../../api/infra/database/database.ts';
import { completeRound } from '../../support/cleanup.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let submitted: Parameters<Submit>[0][];

describe.each(databaseKinds)('the rules of the cleanup over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    submitted = [];
  });

  it('removes outcomes once they have expired, one portion in each step', async () => {
    await database.query(
      `INSERT INTO outcome (event_id, body, expires_at)
       SELECT gen_random_uuid(), '{}', now() + (CASE WHEN n = 0 THEN 1 ELSE -1 END) * interval '1 minute'
       FROM generate_series(0, $1) n`,
      [portion + 1],
    );
    const job = jobOf(createMessageDataCleanup(database), 'outcomes');
    expect(await job.step(null)).toEqual({ next: '', removed: { outcome: portion } });
    expect(await completeRound(job)).toEqual({ outcome: 1 });
    expect(await count('outcome')).toBe(1);
  });

  it('removes attachments without a message and without an upload', async () => {
    const [channel, author] = [await addChannel('ROOM'), await addUser()];
    const [kept, deleted, stored] = [await addEntry(channel, author), await addEntry(channel, author), randomUUID()];
    await database.query('UPDATE entry SET deleted_at = now() WHERE id = $1', [deleted]);
    await attach(randomUUID(), kept);
    await attach(randomUUID(), deleted);
    await attach(randomUUID(), randomUUID());
    await attach(stored, deleted);
    await addUpload(stored, author);
    const removed = await completeRound(jobOf(createMessageDataCleanup(database), 'attachments'));
    expect(removed).toEqual({ attachment: 2 });
    const left = await database.query<{ messageId: string }>('SELECT message_id AS "messageId" FROM attachment');
    expect(left.map(({ messageId }) => messageId).sort()).toEqual([kept, deleted].sort());
  });

  it('removes seen marks of users who are not members and of channels that are gone, and keeps many others', async () => {
    const user = await addUser();
    const [present, left] = [await addChannel('ROOM', [user]), await addChannel('ROOM', [user])];
    await database.query(`UPDATE member SET state = 'LEFT' WHERE channel_id = $1`, [left]);
    for (const channel of [present, left, randomUUID()])
      await database.query('INSERT INTO seen_mark (channel_id, user_id, seq) VALUES ($1, $2, 1)', [channel, user]);
    await database.query(
      `INSERT INTO seen_mark (channel_id, user_id, seq) SELECT $1, gen_random_uuid(), 1 FROM generate_series(1, $2)`,
      [present, portion],
    );
    const removed = await completeRound(jobOf(createMessageDataCleanup(database), 'seen marks'));
    expect(removed).toEqual({ seen_mark: portion + 2 });
    const marks = await database.query('SELECT channel_id AS channel, user_id AS user FROM seen_mark');
    expect(marks).toEqual([{ channel: present, user }]);
  });

  it('removes guests who can no longer sign in and were never members, and forgets the address of the others', async () => {
    const old = new Date(Date.now() - 40 * dayMs);
    const gone = await addUser({ createdAt: old });
    const [young, registered, signedIn] = [
      await addUser(),
      await addUser({ createdAt: old, passwordHash: 'x' }),
      await addUser({ createdAt: old }),
    ];
    const [author, uploader] = [await addUser({ createdAt: old }), await addUser({ createdAt: old })];
    await database.query(
      `INSERT INTO session (id, user_id, device, created_at, last_used_at) VALUES ($1, $2, 'phone', now(), now())`,
      [randomUUID(), signedIn],
    );
    await addEntry(await addChannel('ROOM', [author]), author);
    const pictures = [randomUUID(), randomUUID()] as const;
    for (const [n, user] of [author, uploader].entries()) {
      await addUpload(pictures[n] ?? '', user);
      await database.query('UPDATE users SET avatar_id = $2 WHERE id = $1', [user, pictures[n]]);
    }

    const job = createGuestCleanup({ database, ttlMs: 30 * dayMs });
    expect(await completeRound(job)).toEqual({ users: 1 });

    const users = await database.query<{ id: string; email: string | null }>('SELECT id, email FROM users');
    expect(users.map(({ id }) => id).sort()).toEqual([young, registered, signedIn, author, uploader].sort());
    expect(
      users
        .filter(({ email }) => email === null)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([author, uploader].sort());
    expect(users.some(({ id }) => id === gone)).toBe(false);
    const inUse = await database.query('SELECT avatar_id AS picture FROM users WHERE avatar_id IS NOT NULL');
    expect(inUse).toEqual([{ picture: pictures[0] }]);
    await database.query('DELETE FROM upload WHERE id = $1', [pictures[1]]);
    expect(await completeRound(job)).toEqual({ users: 1 });
  });

  it('removes matches that were closed long ago, entries first, and keeps others and closed rooms', async () => {
    const [ada, ben] = [await addUser(), await addUser()];
    const old = await addChannel('MATCH', [ada, ben], closed(31));
    const kept = [
      await addChannel('MATCH', [ada, ben], closed(29)),
      await addChannel('MATCH', [ada, ben]),
      await addChannel('ROOM', [ada], closed(31)),
    ];
    await database.query(
      `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at)
       SELECT gen_random_uuid(), $1, $2, 'TEXT', n, n, 'x', now() FROM generate_series(1, $3) n`,
      [old, ada, portion + 1],
    );
    const job = jobOf(matchJobs(), 'closed matches');
    expect(await job.step(null)).toEqual({ next: '', removed: { entry: portion } });
    expect(await completeRound(job)).toEqual({ entry: 1, channel: 1, member: 2 });
    const channels = await database.query<{ id: string }>('SELECT id FROM channel');
    expect(channels.map(({ id }) => id).sort()).toEqual(kept.sort());
    expect([await count('entry'), await count('member')]).toEqual([0, 5]);
  });

  it('leaves no entry behind of a member who leaves while the match is removed', async () => {
    const [ada, ben] = [await addUser(), await addUser()];
    const match = await addChannel('MATCH', [ada, ben], closed(31));
    const leaving: Pick<Database, 'query' | 'transaction'> = {
      query: database.query,
      async transaction(work) {
        await addEntry(match, ada);
        return database.transaction(work);
      },
    };
    const removed = await completeRound(jobOf(matchJobs({ over: leaving }), 'closed matches'));
    expect(removed).toEqual({ entry: 1, channel: 1, member: 2 });
    expect(await count('entry')).toBe(0);
  });

  it('removes claims of matches that ended long ago', async () => {
    const [ada, ben] = [await addUser(), await addUser()];
    await addClaim(ada, ben, randomUUID(), closed(31));
    const recent = await addClaim(ada, ben, randomUUID(), closed(29));
    const open = await addClaim(ada, ben, randomUUID());
    expect(await completeRound(jobOf(matchJobs(), 'match claims'))).toEqual({ match_claim: 1 });
    const claims = await database.query<{ id: string }>('SELECT ticket_id AS id FROM match_claim');
    expect(claims.map(({ id }) => id).sort()).toEqual([recent, open].sort());
  });

  it('ends matches that both users abandoned, and claims whose channel was never opened', async () => {
    const [ada, ben, cleo, dan] = [await addUser(), await addUser(), await addUser(), await addUser()];
    const abandoned = await addChannel('MATCH', [ada, ben], undefined, 31);
    await addClaim(ada, ben, abandoned, undefined, 31);
    await addClaim(ben, ada, abandoned, undefined, 31);
    await addClaim(cleo, dan, await addChannel('MATCH', [cleo], undefined, 29), undefined, 31);
    const orphan = await addClaim(dan, cleo, randomUUID(), undefined, 31);
    await addClaim(await addUser(), ada, randomUUID(), undefined, 29);

    await completeRound(jobOf(matchJobs(), 'abandoned matches'));

    const first = [ada, ben].sort()[0];
    const event = { type: 'MemberLeft', channelId: abandoned, actorId: first, userId: first, revision: 1, gone: true };
    expect(submitted).toEqual([event]);
    const ended = await database.query('SELECT ticket_id AS id FROM match_claim WHERE ended_at IS NOT NULL');
    expect(ended).toEqual([{ id: orphan }]);
  });

  it('ends no match that seems to be abandoned while the log is replayed, and goes on after one that ends by itself', async () => {
    for (let n = 0; n < 2; n++) {
      const [one, other] = [await addUser(), await addUser()];
      await addClaim(one, other, await addChannel('MATCH', [one, other], undefined, 31), undefined, 31);
    }
    await completeRound(jobOf(matchJobs({ isCaughtUp: false }), 'abandoned matches'));
    expect(submitted).toEqual([]);

    const refusal = new ConflictError('The membership has changed since you loaded it.');
    await completeRound(jobOf(matchJobs({ refusal }), 'abandoned matches'));
    expect(submitted).toHaveLength(2);
  });
});

interface MatchWorld {
  over?: Pick<Database, 'query' | 'transaction'>;
  isCaughtUp?: boolean;
  refusal?: Error;
}

function matchJobs({ over = database, isCaughtUp = true, refusal }: MatchWorld = {}): CleanupJob[] {
  const submit: Submit = async (event) => {
    submitted.push(event);
    if (refusal) throw refusal;
    return null;
  };
  const guard = { isCaughtUp: async () => isCaughtUp };
  return createMatchCleanup({ database: over, submit, guard, retentionMs: 30 * dayMs });
}

function jobOf(jobs: readonly CleanupJob[], wanted: string): CleanupJob {
  const job = jobs.find(({ name }) => name === wanted);
  if (job === undefined) throw new Error(`there is no job ${wanted}`);
  return job;
}

const closed = (days: number) => new Date(Date.now() - days * dayMs);
const count = async (table: string) =>
  Number((await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n);

async function addUser({ createdAt = new Date(), passwordHash }: { createdAt?: Date; passwordHash?: string } = {}) {
  const id = randomUUID();
  await database.query('INSERT INTO users (id, name, email, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)', [
    id,
    'Ada',
    `${id}@example.org`,
    passwordHash ?? null,
    createdAt,
  ]);
  return id;
}

async function addChannel(kind: string, members: string[] = [], closedAt?: Date, daysAgo = 0): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO channel (id, kind, visibility, created_at, last_activity_at, closed_at)
     VALUES ($1, $2::channel_kind, 'PRIVATE', now(), $3, $4)`,
    [id, kind, closed(daysAgo), closedAt ?? null],
  );
  for (const member of members)
    await database.query(
      `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
       VALUES ($1, $2, 'MEMBER', 'ACTIVE', now(), 0)`,
      [id, member],
    );
  return id;
}

let seq = 0;
async function addEntry(channel: string, author: string): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at)
     VALUES ($1, $2, $3, 'TEXT', $4, $4, 'x', now())`,
    [id, channel, author, ++seq],
  );
  return id;
}

async function addUpload(id: string, user: string): Promise<void> {
  await database.query(
    `INSERT INTO upload (id, user_id, filename, mimetype, byte_size, created_at) VALUES ($1, $2, 'a', 'text/plain', 1, now())`,
    [id, user],
  );
}

async function attach(id: string, messageId: string): Promise<void> {
  await database.query('INSERT INTO attachment (id, message_id) VALUES ($1, $2)', [id, messageId]);
}

async function addClaim(user: string, partner: string, channel: string, endedAt?: Date, daysAgo = 0): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO match_claim (ticket_id, user_id, partner_id, channel_id, claimed_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6)`,
    [id, user, partner, channel, closed(daysAgo), endedAt ?? null],
  );
  return id;
}
