import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyEvents } from '../../api/bridge/apply.ts';
import { createAccountSteps } from '../../api/domain/erasure/account-steps.ts';
import { createChannelSteps } from '../../api/domain/erasure/channel-steps.ts';
import { createErasures } from '../../api/domain/erasure/erasures.ts';
import { fileKey } from '../../api/domain/file-keys.ts';
import { rejectionError, type Submit } from '../../api/domain/submit-event.ts';
import { UnavailableError } from '../../api/errors.ts';
import { channelEvent, type Entry, type EventOf, type Logged } from '../../api/events.ts';
import { emptyProfile, insertErasure } from '../../api/infra/database/erasures.ts';
import { type Contents, createMemoryObjects } from '../../api/infra/objects/memory.ts';
import { withKey } from '../../api/text/comparison-key.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';

/** More messages than two events empty, and fewer than three. */
const written = 120;

describe.each(databaseKinds)('an erasure over %s', (kind) => {
  let world: Awaited<ReturnType<typeof createWorld>>;
  beforeAll(async () => {
    world = await createWorld(await openDatabase(kind));
  });
  afterAll(() => world.database.stop());

  it('empties messages in their order, ends memberships, and removes everything else of the user', async () => {
    const { ada, bob, room, direct, file } = await world.talk();
    const before = await world.entries(room);
    await world.enterLedger(ada);
    await world.finish(world.process(), ada);

    expect(await world.profile(ada)).toMatchObject({ name: '', email: null, passwordHash: null, avatarId: null });
    const after = await world.entries(room);
    expect(after.map(({ id }) => id).slice(0, before.length)).toEqual(before.map(({ id }) => id));
    for (const entry of after.filter(({ kind }) => kind === 'TEXT')) {
      const isOwn = entry.authorId === ada;
      expect([entry.text === '', entry.deletedAt !== null, entry.attachments.length]).toEqual([isOwn, isOwn, 0]);
    }
    const changed = after.filter(({ authorId, kind }) => authorId === ada && kind === 'TEXT');
    const positions = changed.map(({ position }) => position);
    expect(positions).toEqual([...positions].sort((one, other) => one - other));
    expect(Math.min(...positions)).toBeGreaterThan(Math.max(...before.map(({ position }) => position)));
    const [{ position, seq } = { position: 0, seq: 0 }] = await world.channel(room);
    expect(position).toBe(Math.max(...positions));
    expect(seq).toBe(Math.max(...after.map((entry) => entry.seq)));

    expect(await world.members(room)).toEqual({ [ada]: 'LEFT MEMBER', [bob]: 'ACTIVE OWNER' });
    expect(await world.members(direct)).toEqual({ [ada]: 'LEFT MEMBER', [bob]: 'ACTIVE MEMBER' });
    expect(await world.channel(direct)).toMatchObject([{ closedAt: expect.any(Date) }]);
    expect(await world.countOf(ada)).toEqual({ upload: 0, session: 0, refresh_token: 0, block: 0, password_reset: 0 });
    expect(world.files.has(fileKey(file))).toBe(false);
    expect(await world.countOf(bob)).toMatchObject({ session: 1 });
    const sizes = world.erased(ada).map(({ messageIds }) => messageIds.length);
    expect(Math.max(...sizes)).toBe(50);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(written + 1);
  });

  it('is continued by other processes wherever one was killed, also if its events were lost or applied unheard', async () => {
    const { ada, room } = await world.talk();
    await world.enterLedger(ada);
    for (let portions = 0; ; portions++) {
      world.faults.push(...(portions % 3 === 0 ? ['lost' as const] : portions % 3 === 1 ? ['unheard' as const] : []));
      // Each portion by a process of its own, as if the one before had been killed.
      const { next } = (await world.process().job.step(null)) ?? { next: null };
      if (next === null) break;
      expect(portions).toBeLessThan(100);
    }
    world.faults.length = 0;
    expect(await world.unfinished()).toEqual([]);
    const own = (await world.entries(room)).filter(({ authorId, kind }) => authorId === ada && kind === 'TEXT');
    expect(own).toHaveLength(written);
    expect(own.filter(({ text, deletedAt }) => text !== '' || deletedAt === null)).toEqual([]);
    expect(await world.process().advance(ada)).toBe(false);
  });

  it('happens again when an empty or an older database replays the log', async () => {
    const { ada, room } = await world.talk();
    const older = world.log.length;
    await world.enterLedger(ada);
    await world.finish(world.process(), ada);
    const erased = await world.entries(room);

    for (const from of [0, older]) {
      const restored = await createWorld(await openDatabase(kind));
      await restored.replay(world.log.slice(0, from));
      await restored.database.query(`UPDATE users SET email = 'ada@example.org', password_hash = 'x' WHERE id = $1`, [
        ada,
      ]);
      await restored.replay(world.log.slice(from));
      expect(await restored.entries(room)).toEqual(erased);
      expect(await restored.profile(ada)).toMatchObject({ name: '', email: null, passwordHash: null });
      // The rest, which is not in the log, follows by the job.
      expect((await restored.unfinished()).map(({ userId }) => userId)).toContain(ada);
      await restored.finish(restored.process(), ada);
      expect((await restored.unfinished()).map(({ userId }) => userId)).not.toContain(ada);
      await restored.database.stop();
    }
  });

  it('leaves nobody who can get a profile, send, join, be invited or be written to', async () => {
    const { ada, bob, room } = await world.talk();
    await world.enterLedger(ada);
    await world.finish(world.process(), ada);

    const where = { id: ada };
    await world.database.prisma.user.update({ where, data: { ...withKey('Ada'), email: 'ada@example.org' } });
    await world.database.prisma.user.updateMany({ where, data: { passwordHash: 'x', isModerator: true } });
    expect(await world.profile(ada)).toMatchObject({ name: '', nameKey: '', email: null, passwordHash: null });

    const user = { id: ada, name: 'Ada', createdAt: new Date().toISOString() };
    const join = { type: 'MemberJoined', channelId: room, user, revision: 2 } as const;
    for (const actorId of [ada, bob])
      await expect(world.submit({ ...join, actorId })).rejects.toThrow('User not found');
    await expect(world.open('DIRECT', bob, ada)).rejects.toThrow('User not found');
    await expect(world.open('ROOM', ada, bob)).rejects.toThrow('User not found');
    await expect(world.send(room, ada, 'still here')).rejects.toThrow();
    expect((await world.entries(room)).filter(({ text }) => text === 'still here')).toEqual([]);
  });

  it('of one user whose portions fail holds up no other', async () => {
    const [one, other] = [await world.user(), await world.user()].sort();
    for (const id of [one, other]) await world.enterLedger(id ?? '');
    const failing = createErasures({
      database: world.database,
      steps: [{ name: 'files', run: async (id) => (id === one ? Promise.reject(new Error('away')) : null) }],
      logger: createTestLogger(),
    });
    let cursor: string | null = null;
    do cursor = (await failing.job.step(cursor))?.next ?? null;
    while (cursor !== null);
    expect((await world.unfinished()).map(({ userId }) => userId)).toEqual([one]);
    await world.finish(world.process(), one ?? '');
  });
});

/** Creates the surroundings of erasures: a bridge that applies each event when it is submitted, and the log of these events. */
async function createWorld(database: TestDatabase) {
  const log: Logged[] = [];
  const files: Contents = new Map();
  const objects = createMemoryObjects(files);
  const faults: ('lost' | 'unheard')[] = [];

  const submit: Submit = async (draft) => {
    const fault = faults.shift();
    if (fault === 'lost') throw new UnavailableError('lost');
    const place = { partition: 0, offset: log.length };
    const common = { eventId: randomUUID(), gatewayId: 'one', at: new Date().toISOString() };
    const event: Logged = { ...channelEvent.parse({ ...draft, ...common }), ...place };
    log.push(event);
    const [outcome] = await replay([event]);
    if (fault === 'unheard') throw new UnavailableError('unheard');
    if (!outcome?.applied) throw outcome ? rejectionError(outcome.rejection) : new Error('an event has an outcome');
    return outcome.entry;
  };

  async function replay(events: readonly Logged[]) {
    const { outcomes } = await database.transaction((query) => applyEvents(query, events, new Map()));
    return outcomes.map(({ outcome }) => outcome);
  }

  async function user(name = 'Ada'): Promise<string> {
    const id = randomUUID();
    await database.prisma.user.create({
      data: { id, createdAt: new Date(), ...withKey(name), email: `${id}@example.org`, passwordHash: 'hash' },
    });
    const session = { id: randomUUID(), userId: id, device: 'phone', createdAt: new Date(), lastUsedAt: new Date() };
    await database.prisma.session.create({
      data: { ...session, refreshTokens: { create: { hash: Buffer.from(id), createdAt: new Date() } } },
    });
    return id;
  }

  function open(kind: 'ROOM' | 'DIRECT', actorId: string, other: string, channelId = randomUUID()) {
    const members = [actorId, other].map((id, n) => ({
      user: { id, name: 'Somebody', createdAt: new Date().toISOString() },
      role: kind === 'ROOM' && n === 0 ? ('OWNER' as const) : ('MEMBER' as const),
    }));
    const name = kind === 'ROOM' ? 'Room' : null;
    return submit({ type: 'ChannelOpened', channelId, actorId, kind, visibility: 'PUBLIC', name, members });
  }

  function send(channelId: string, actorId: string, text: string, attachments: Entry['attachments'] = []) {
    const [messageId, clientId] = [randomUUID(), randomUUID()];
    const fields = { messageId, clientId, text, replyToId: null, attachments: [...attachments] };
    return submit({ type: 'MessageSent', channelId, actorId, ...fields });
  }

  /** Sends messages, which are applied together. */
  async function sendMany(channelId: string, actorId: string, count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, n): Logged => {
      const [messageId, eventId, clientId] = [randomUUID(), randomUUID(), randomUUID()];
      const sent = { type: 'MessageSent', channelId, actorId, messageId, clientId, text: `secret ${n}` } as const;
      const common = { eventId, gatewayId: 'one', at: new Date().toISOString() };
      const place = { partition: 0, offset: log.length + n };
      return { ...channelEvent.parse({ ...sent, ...common, replyToId: null }), ...place };
    });
    log.push(...events);
    await replay(events);
  }

  /** Lets Ada talk to Bob in her room, with a file, and in a direct channel. */
  async function talk() {
    const [ada, bob] = [await user('Ada'), await user('Bob')];
    const [room, direct, file] = [randomUUID(), randomUUID(), randomUUID()];
    await open('ROOM', ada, bob, room);
    await open('DIRECT', ada, bob, direct);
    const facts = { id: file, filename: 'a.txt', mimetype: 'text/plain', byteSize: 1, width: null, height: null };
    files.set(fileKey(file), { bytes: Buffer.from('x'), storedAt: new Date() });
    await database.prisma.upload.create({ data: { ...facts, userId: ada, channelId: room, createdAt: new Date() } });
    await send(room, ada, 'with a file', [facts]);
    await sendMany(room, ada, written - 1);
    await send(room, bob, 'mine');
    await send(direct, ada, 'a secret');
    await database.prisma.block.create({
      data: { blockerId: ada, blockedId: await user('Eve'), createdAt: new Date() },
    });
    return { ada, bob, room, direct, file };
  }

  return {
    database,
    log,
    files,
    faults,
    submit,
    replay,
    user,
    open,
    send,
    talk,
    /** Returns the erasures of a process that has just started. */
    process() {
      const { query } = database;
      const steps = [...createChannelSteps({ query, submit }), ...createAccountSteps({ query, objects })];
      return createErasures({ database, steps, logger: createTestLogger() });
    },
    async finish({ advance }: Pick<ReturnType<typeof createErasures>, 'advance'>, userId: string): Promise<void> {
      while (await advance(userId));
    },
    async enterLedger(userId: string): Promise<void> {
      await database.query(insertErasure, { userId, at: new Date() });
      await database.query(emptyProfile, { userId });
    },
    erased: (userId: string) =>
      log.filter(
        (event): event is Logged<EventOf<'UserErased'>> => event.type === 'UserErased' && event.userId === userId,
      ),
    profile: (id: string) => database.prisma.user.findUnique({ where: { id } }),
    entries: (channelId: string) =>
      database.prisma.entry.findMany({ where: { channelId }, orderBy: { seq: 'asc' } }) as unknown as Promise<Entry[]>,
    channel: (id: string) => database.prisma.channel.findMany({ where: { id } }),
    unfinished: () => database.prisma.userErasure.findMany({ where: { completedAt: null } }),
    async members(channelId: string): Promise<Record<string, string>> {
      const rows = await database.prisma.member.findMany({ where: { channelId } });
      return Object.fromEntries(rows.map(({ userId, state, role }) => [userId, `${state} ${role}`]));
    },
    async countOf(userId: string): Promise<Record<string, number>> {
      const { prisma } = database;
      return {
        upload: await prisma.upload.count({ where: { userId } }),
        session: await prisma.session.count({ where: { userId } }),
        refresh_token: await prisma.refreshToken.count({ where: { session: { userId } } }),
        block: await prisma.block.count({ where: { blockerId: userId } }),
        password_reset: await prisma.passwordReset.count({ where: { userId } }),
      };
    },
  };
}
