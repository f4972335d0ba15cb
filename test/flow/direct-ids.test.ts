import { randomUUID } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServerSecret } from '../../api/domain/server-secret.ts';
import { decodeId, encodeId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';

/** Namespace from which earlier releases derived the ids of direct channels. */
const formerNamespace = '6f0f3ad6-0d0e-4f0c-9a53-3c5f2a1c8e11';

let database: TestDatabase;
let app: Awaited<ReturnType<typeof start>>;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  database = await openDatabase();
  app = await start();
});
afterAll(async () => {
  await app.stop();
  await database.stop();
});

const start = () => startApp({ JWT_SECRET: randomUUID() }, { ports: { database } });

describe('the id of a direct channel', () => {
  it('is the same for both users, also when both open it at the same time', async () => {
    [ada, bob] = await Promise.all([guest(app.url, 'Ada'), guest(app.url, 'Bob')]);
    const opened = await Promise.all([openDirect(ada, bob), openDirect(bob, ada), openDirect(ada, bob)]);
    expect(new Set(opened).size).toBe(1);
    expect(await database.prisma.channel.count({ where: { kind: 'DIRECT' } })).toBe(1);
  });

  it('cannot be computed from the ids of both users', async () => {
    expect(await openDirect(ada, bob)).not.toBe(formerIdOf(ada, bob));
  });

  it('stays the one under which an earlier release opened the channel', async () => {
    const [cora, dan] = await Promise.all([guest(app.url, 'Cora'), guest(app.url, 'Dan')]);
    const id = uuidOf(formerIdOf(cora, dan));
    const at = new Date();
    const channel = { id, kind: 'DIRECT', visibility: 'PRIVATE', createdAt: at, lastActivityAt: at } as const;
    const members = [cora, dan].map((person) => ({
      userId: uuidOf(person.id),
      role: 'MEMBER' as const,
      state: 'ACTIVE' as const,
      joinedAt: at,
      joinedSeq: 0,
    }));
    await database.prisma.channel.create({ data: { ...channel, members: { create: members } } });
    expect(await openDirect(cora, dan)).toBe(formerIdOf(cora, dan));
    expect(await openDirect(dan, cora)).toBe(formerIdOf(cora, dan));
  });

  it('does not depend on the process or on JWT_SECRET', async () => {
    const secret = await readServerSecret(database, 'direct-channels');
    const expected = encodeId('Channel', uuidV5(pairOf(ada, bob), secret));
    expect(await openDirect(ada, bob)).toBe(expected);
    await app.stop();
    app = await start();
    const [eve, finn] = await Promise.all([guest(app.url, 'Eve'), guest(app.url, 'Finn')]);
    expect(await openDirect(eve, finn)).toBe(encodeId('Channel', uuidV5(pairOf(eve, finn), secret)));
  });
});

describe('a secret of the server', () => {
  it('is the same for concurrent readers, and another one for each purpose', async () => {
    const secrets = await Promise.all(Array.from({ length: 4 }, () => readServerSecret(database, 'a test')));
    const digits = secrets.map((secret) => Buffer.from(secret).toString('hex'));
    expect(new Set(digits).size).toBe(1);
    expect(digits[0]).toMatch(/^[\da-f]{32}$/);
    expect(Buffer.from(await readServerSecret(database, 'another test')).toString('hex')).not.toBe(digits[0]);
  });
});

async function openDirect(viewer: Person, other: Person): Promise<string> {
  const { openDirect: channel } = await viewer.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', {
    id: other.id,
  });
  return channel.id;
}

const uuidOf = (id: string): string => decodeId(id)?.uuids ?? '';
const pairOf = (...people: Person[]): string =>
  people
    .map(({ id }) => uuidOf(id))
    .sort()
    .join(':');
const formerIdOf = (...people: Person[]): string => encodeId('Channel', uuidV5(pairOf(...people), formerNamespace));
